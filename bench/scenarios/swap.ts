import { setTimeout as sleep } from 'node:timers/promises'
import { onlyStatus, sendAtRandomTimes } from '../harness/arrivals.ts'
import { type BenchNode, writePolicy } from '../harness/node.ts'
import { tokens } from '../harness/options.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { single } from '../harness/statistics.ts'

/** Number of additional routes, so that compiling the policy takes a noticeable time. */
const ROUTES = 500
const GAP_MS = 700

/** Replaces the policy repeatedly while requests arrive at a steady rate. No request is allowed to fail. */
export const swap: Scenario<'seconds' | 'rate' | 'tokens'> = {
  name: 'swap',
  about: 'new policies under load: failed requests and additional latency',
  options: {
    seconds: { about: 'seconds with new policies, and the same time without', usual: 8, quick: 3 },
    rate: { about: 'requests a second', usual: 1000 },
    tokens: tokens(200),
  },
  async run(site, { seconds, rate, tokens }) {
    const policy = (n: number) =>
      policyOf(site.issuer.url, {
        orders: { ...orders(site.upstream.port), timeouts: { first_byte: `${30 + n}s` } },
        others: {
          upstreams: [`http://127.0.0.1:${site.upstream.port}`],
          routes: Array.from({ length: ROUTES }, (_, i) => ({
            id: `other.${i}`,
            match: { path: `/other/${i}/**` },
            require: { scopes: { all: [`other${i}:read`] } },
          })),
        },
      })
    const node = await site.node({ policy: policy(0) })
    const options = { perSecond: rate, seconds, connections: 64, authorizations: await site.tokens(tokens) }
    await sendAtRandomTimes(node, { ...options, seconds: 2 })
    const calm = await sendAtRandomTimes(node, options)
    let over = false
    const swapping = countSwaps(
      node,
      (n) => writePolicy(node.folder, policy(n)),
      () => over,
    )
    const busy = await sendAtRandomTimes(node, options)
    over = true
    const swaps = await swapping
    const broken = []
    if (!onlyStatus(busy, 200)) broken.push(`requests failed while policies changed: ${JSON.stringify(busy.replies)}`)
    if (swaps < 2) broken.push(`the node activated only ${swaps} policies`)
    return {
      figures: {
        swaps: single(swaps),
        failed_requests: single(busy.requests - (busy.replies['200'] ?? 0) + (busy.replies['failed'] ?? 0)),
        calm_p50_ms: single(calm.latencyMs.p50),
        swapping_p50_ms: single(busy.latencyMs.p50),
        calm_p99_ms: single(calm.latencyMs.p99),
        swapping_p99_ms: single(busy.latencyMs.p99),
        swapping_max_ms: single(busy.latencyMs.max),
      },
      broken,
    }
  },
}

/** Replaces the policy until `over` returns true. @returns the number of policy revisions that the node used */
async function countSwaps(node: BenchNode, write: (n: number) => void, over: () => boolean): Promise<number> {
  const revisions = new Set<string>()
  for (let n = 1; !over(); n++) {
    write(n)
    await sleep(GAP_MS)
    const metrics = await (await fetch(`http://127.0.0.1:${node.adminPort}/metrics`)).text()
    revisions.add(/^gatehouse_policy_info\{revision="(\w+)"/m.exec(metrics)?.[1] ?? '')
  }
  return revisions.size
}
