import { setTimeout as sleep } from 'node:timers/promises'
import { type LoadResult, load } from '../harness/load.ts'
import { connections, rounds, seconds, tokens } from '../harness/options.ts'
import { orders, policyOf, roomyLimit } from '../harness/policy.ts'
import type { RedisUse } from '../harness/redis.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

const IDLE_S = 2

interface Turn {
  readonly result: LoadResult
  /**
   * Use of Redis during this measurement. The periodic calls of the node are subtracted from `calls`, but not from
   * commands and CPU time.
   */
  readonly use: RedisUse
}

/** Measures the cost of a limit that is never reached: the cost of an admitted request on the node and in Redis. */
export const limited: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens'> = {
  name: 'limited',
  about:
    'cost at the node and in Redis without a limit, with a leased limit by subject, by route, and with an exact limit',
  options: { rounds: rounds(4, 1), seconds: seconds(2), connections, tokens: tokens(200) },
  async run(site, chosen) {
    const authorizations = await site.tokens(chosen.tokens)
    // Each contender has its own Redis, because a node still renews its leases during the turn of the next contender.
    const turnWith = async (limits: readonly ReturnType<typeof roomyLimit>[]) => {
      const redis = await site.redis()
      const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port, limits) })
      const node = await site.node({ policy, redis: redis.url })
      const { use: idle } = await redis.during(() => sleep(IDLE_S * 1000))
      return async (): Promise<Turn> => {
        const { result, use } = await redis.during(() => load([node], { ...chosen, authorizations }))
        return { result, use: { ...use, calls: Math.max(0, use.calls - (idle.calls / IDLE_S) * chosen.seconds) } }
      }
    }
    const found = await inTurns(
      {
        none: await turnWith([]),
        leased: await turnWith([roomyLimit('leased')]),
        together: await turnWith([roomyLimit('leased', 'route')]),
        exact: await turnWith([roomyLimit('exact')]),
      },
      chosen.rounds,
    )
    const cpu = (turns: readonly Turn[]): number[] => turns.map(({ result }) => result.cpuUsPerRequest)
    const calls = (turns: readonly Turn[]) =>
      spread(turns.map(({ result, use }) => (use.calls * 1000) / result.requests))
    const redisUs = (turns: readonly Turn[]) => spread(turns.map(({ result, use }) => use.cpuUs / result.requests))
    return {
      figures: {
        cpu_us_per_request: spread(cpu(found.none)),
        leased_cpu_us_per_request: spread(cpu(found.leased)),
        leased_ratio: spread(ratios(cpu(found.leased), cpu(found.none))),
        leased_redis_calls_per_1000: calls(found.leased),
        leased_redis_us_per_request: redisUs(found.leased),
        one_leased_redis_calls_per_1000: calls(found.together),
        exact_cpu_us_per_request: spread(cpu(found.exact)),
        exact_ratio: spread(ratios(cpu(found.exact), cpu(found.none))),
        exact_redis_calls_per_1000: calls(found.exact),
        exact_redis_us_per_request: redisUs(found.exact),
        exact_requests_per_second: spread(found.exact.map(({ result }) => result.requestsPerSecond)),
      },
      broken: [],
    }
  },
}
