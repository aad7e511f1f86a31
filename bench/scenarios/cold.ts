import { cpuTimes, load } from '../harness/load.ts'
import { connections, rounds, tokens } from '../harness/options.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/**
 * Measures the CPU time of requests with new ES256 tokens, each used only once, compared with requests with cached
 * tokens.
 */
export const cold: Scenario<'rounds' | 'connections' | 'tokens'> = {
  name: 'cold',
  about: 'CPU time of a request with a new token',
  options: { rounds: rounds(4, 1), connections, tokens: tokens(4000, 2000) },
  async run(site, chosen) {
    const node = await site.node({ policy: policyOf(site.issuer.url, { orders: orders(site.upstream.port) }) })
    const known = await site.tokens(100)
    let made = known.length
    const found = await inTurns(
      {
        cold: async () => {
          const fresh = await site.tokens(chosen.tokens, made)
          made += fresh.length
          return load([node], { ...chosen, authorizations: fresh })
        },
        hot: () => load([node], { ...chosen, seconds: 1, authorizations: known }),
      },
      chosen.rounds,
    )
    return {
      figures: {
        cpu_us_per_request: spread(cpuTimes(found.cold)),
        hot_cpu_us_per_request: spread(cpuTimes(found.hot)),
        ratio: spread(ratios(cpuTimes(found.cold), cpuTimes(found.hot))),
        requests_per_second: spread(found.cold.map((result) => result.requestsPerSecond)),
      },
      broken: [],
    }
  },
}
