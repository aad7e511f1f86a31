import type { LoadTarget } from '../harness/drive.ts'
import { cpuTimes, type LoadResult, load, warmUp } from '../harness/load.ts'
import { connections, rounds, tokens } from '../harness/options.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'
import { startHaproxy } from '../peers/start.ts'

/** Number of subjects whose later tokens are new tokens of a known subject. */
const KNOWN = 500

/**
 * Measures the CPU time of requests with new ES256 tokens, each used only once: of new subjects and of subjects whose
 * earlier tokens the node knows, with and without an assertion for the service. The references are HAProxy, which
 * verifies each token, and requests with cached tokens.
 */
export const cold: Scenario<'rounds' | 'connections' | 'tokens' | 'warm'> = {
  name: 'cold',
  about: 'CPU time of a request with a new token, with and without an assertion, compared with HAProxy',
  options: {
    rounds: rounds(4, 1),
    connections,
    tokens: tokens(4000, 1000),
    warm: { about: 'requests with new tokens before the first round', usual: 30_000, quick: 500 },
  },
  async run(site, chosen) {
    const policy = (more = {}) => policyOf(site.issuer.url, { orders: { ...orders(site.upstream.port), ...more } })
    const redis = await site.redis()
    const stating = await site.node({ policy: policy(), redis: redis.url })
    const plain = await site.node({ policy: policy({ credentials: 'none' }), redis: redis.url })
    const haproxy = await startHaproxy(site)
    let made = 0
    const newTokens =
      (users?: number) =>
      async (count: number): Promise<string[]> => {
        made += count
        return site.tokens(count, made - count, users)
      }
    const [fresh, again] = [newTokens(), newTokens(KNOWN)]
    const turn = (target: LoadTarget, of: (count: number) => Promise<string[]>) => {
      return async (): Promise<LoadResult> => load([target], { ...chosen, authorizations: await of(chosen.tokens) })
    }
    const known = await again(100)
    for (const target of [stating, plain]) {
      for (let sent = 0; sent < chosen.warm; sent += chosen.tokens) await turn(target, fresh)()
      await turn(target, again)()
      await warmUp([target], { ...chosen, authorizations: known, seconds: 1 }, 1)
    }
    const found = await inTurns(
      {
        haproxy: turn(haproxy, fresh),
        cold: turn(stating, fresh),
        known_subject: turn(stating, again),
        plain: turn(plain, fresh),
        plain_known_subject: turn(plain, again),
        hot: () => load([stating], { ...chosen, seconds: 1, authorizations: known }),
      },
      chosen.rounds,
      (round, results) => {
        const each = Object.entries(results).map(
          ([name, { cpuUsPerRequest }]) => `${name} ${cpuUsPerRequest.toFixed(0)} µs`,
        )
        site.progress(`round ${round}/${chosen.rounds}: ${each.join(', ')}`)
      },
    )
    const figures = Object.entries(found).map(([name, results]) => [
      name === 'cold' ? 'cpu_us_per_request' : `${name}_cpu_us_per_request`,
      spread(cpuTimes(results)),
    ])
    const toHaproxy = (results: readonly LoadResult[]) => spread(ratios(cpuTimes(results), cpuTimes(found.haproxy)))
    return {
      figures: {
        ...Object.fromEntries(figures),
        main_cpu_us_per_request: spread(found.cold.map((result) => result.mainCpuUsPerRequest)),
        ratio: spread(ratios(cpuTimes(found.cold), cpuTimes(found.hot))),
        haproxy_ratio: toHaproxy(found.cold),
        known_subject_haproxy_ratio: toHaproxy(found.known_subject),
        plain_haproxy_ratio: toHaproxy(found.plain),
        plain_known_subject_haproxy_ratio: toHaproxy(found.plain_known_subject),
        requests_per_second: spread(found.cold.map((result) => result.requestsPerSecond)),
      },
      broken: [],
    }
  },
}
