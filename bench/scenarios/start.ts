import { orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { spread } from '../harness/statistics.ts'

/**
 * Measures the time from the start of `serve` to the first 200 reply of /readyz, in a cluster of two nodes with a local
 * Redis.
 */
export const startUp: Scenario<'rounds'> = {
  name: 'start',
  about: 'time from `serve` to ready, with a local Redis',
  options: { rounds: { about: 'starts', usual: 7, quick: 3 } },
  async run(site, { rounds }) {
    const redis = await site.redis()
    const plan = {
      policy: policyOf(site.issuer.url, { orders: orders(site.upstream.port) }),
      redis: redis.url,
    }
    await site.node(plan)
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      const startedMs = performance.now()
      const node = await site.node(plan)
      times.push(performance.now() - startedMs)
      await node.stop()
    }
    return { figures: { start_ms: spread(times) }, broken: [] }
  },
}
