import { cpuTimes, type LoadResult, load } from '../harness/load.ts'
import { connections, rounds, seconds } from '../harness/options.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/**
 * Measures the cost of refused requests that need no verification of a signature. The scenario `soak` sends forged
 * signatures, which need one.
 */
export const refused: Scenario<'rounds' | 'seconds' | 'connections'> = {
  name: 'refused',
  about: 'CPU time of a refusal: 401 without and with a malformed token, 403, 404',
  options: { rounds: rounds(4, 1), seconds: seconds(2), connections },
  async run(site, chosen) {
    const node = await site.node({ policy: policyOf(site.issuer.url, { orders: orders(site.upstream.port) }) })
    const known = await site.tokens(100)
    const turn = (status: number, authorizations: string[], path: string) => (): Promise<LoadResult> =>
      load([node], { ...chosen, authorizations, path, status })
    const found = await inTurns(
      {
        missing: turn(401, [], '/orders/1'),
        malformed: turn(401, ['Bearer not.a.token'], '/orders/1'),
        forbidden: turn(403, known, '/admin/1'),
        unmatched: turn(404, known, '/nowhere'),
      },
      chosen.rounds,
    )
    const cpu = (results: readonly LoadResult[]) => spread(cpuTimes(results))
    return {
      figures: {
        missing_cpu_us_per_request: cpu(found.missing),
        malformed_cpu_us_per_request: cpu(found.malformed),
        forbidden_cpu_us_per_request: cpu(found.forbidden),
        unmatched_cpu_us_per_request: cpu(found.unmatched),
      },
      broken: [],
    }
  },
}
