import { setTimeout as sleep } from 'node:timers/promises'
import { onlyStatus, sendAtRandomTimes } from '../harness/arrivals.ts'
import { getRequest, KeepAliveConnection } from '../harness/connection.ts'
import type { BenchNode } from '../harness/node.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { quantile, type Spread, single } from '../harness/statistics.ts'

/**
 * Revokes tokens one after the other, in an idle cluster and in a cluster under load. When a receipt of a revocation
 * arrives, the scenario immediately sends the token to every node. Every node must have acknowledged the revocation and
 * must reject the token.
 */
export const revocation: Scenario<'nodes' | 'revocations' | 'rate'> = {
  name: 'revocation',
  about: 'time to the last acknowledgement, idle and under load; admissions after the receipt',
  options: {
    nodes: { about: 'nodes of the cluster', usual: 8, quick: 2 },
    revocations: { about: 'number of revocations in the idle cluster, and again under load', usual: 200, quick: 40 },
    rate: { about: 'requests a second under load, shared by the nodes', usual: 1600, quick: 400 },
  },
  async run(site, { nodes: count, revocations, rate }) {
    const redis = await site.redis()
    const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port) })
    const nodes = await site.nodes(count, { policy, redis: redis.url })
    const tokens = await site.tokens(2 * revocations)
    const connections = await Promise.all(nodes.map(({ port }) => KeepAliveConnection.open(port)))
    const revokeAll = (own: readonly string[]) => revokeEach(nodes, connections, own)

    await revokeAll(await site.tokens(10, 2 * revocations))
    site.progress(`${revocations} revocations at ${count} idle nodes`)
    const idle = await revokeAll(tokens.slice(0, revocations))
    site.progress(`${revocations} revocations at ${rate} requests a second`)
    let over = false
    const known = await site.tokens(50, 2 * revocations + 100)
    const load = nodes.map(async (node) => {
      const options = { perSecond: rate / count, seconds: 1, connections: 8, authorizations: known }
      while (!over)
        if (!onlyStatus(await sendAtRandomTimes(node, options), 200))
          throw new Error('the gate rejected a request with a valid token')
    })
    await sleep(500)
    const busy = await Promise.race([revokeAll(tokens.slice(revocations)), Promise.all(load).then(() => undefined)])
    over = true
    await Promise.all(load)
    for (const connection of connections) connection.close()
    if (busy === undefined) throw new Error('the load ended before the last revocation')
    const admitted = idle.admitted + busy.admitted
    return {
      figures: {
        idle_p50_ms: at(idle.times, 0.5),
        idle_p99_ms: at(idle.times, 0.99),
        load_p50_ms: at(busy.times, 0.5),
        load_p99_ms: at(busy.times, 0.99),
        admitted_after_receipt: single(admitted),
      },
      broken: admitted === 0 ? [] : [`${admitted} requests were admitted after the receipt`],
    }
  },
}

function at(times: readonly number[], share: number): Spread {
  return single(quantile(Float64Array.from(times).sort(), share))
}

interface Receipt {
  readonly acknowledged: readonly { readonly node: string; readonly ms: number }[]
  readonly missing: readonly string[]
}

/**
 * Returns for each revocation the time until the last node acknowledged it, ms, and the number of requests that were
 * admitted afterwards.
 */
async function revokeEach(
  nodes: readonly BenchNode[],
  connections: readonly KeepAliveConnection[],
  authorizations: readonly string[],
): Promise<{ readonly times: number[]; readonly admitted: number }> {
  const times: number[] = []
  let admitted = 0
  for (const [i, authorization] of authorizations.entries()) {
    const request = getRequest('/orders/1', authorization)
    const ask = () => Promise.all(connections.map((connection) => connection.ask(request)))
    const before = await ask()
    if (before.some(({ status }) => status !== 200)) throw new Error('the gate rejected a valid token')
    const receipt = await revoke(nodes[i % nodes.length]!, authorization.slice('Bearer '.length))
    const after = await ask()
    if (receipt.missing.length > 0)
      throw new Error(`nodes that did not acknowledge a revocation: ${receipt.missing.join(' ')}`)
    admitted += after.filter(({ status }) => status !== 401).length
    times.push(Math.max(...receipt.acknowledged.map(({ ms }) => ms)))
  }
  return { times, admitted }
}

async function revoke(node: BenchNode, token: string): Promise<Receipt> {
  const reply = await fetch(`http://127.0.0.1:${node.adminPort}/api/v1/revocations?wait=all`, {
    method: 'POST',
    headers: { authorization: `Bearer ${node.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'token', token }),
  })
  if (!reply.ok) throw new Error(`the admin API replied ${reply.status} to a revocation`)
  return (await reply.json()) as Receipt
}
