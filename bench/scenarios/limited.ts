import { type LoadResult, load } from '../harness/load.ts'
import type { BenchNode } from '../harness/node.ts'
import { connections, rounds, seconds, tokens } from '../harness/options.ts'
import { orders, policyOf, roomyLimit } from '../harness/policy.ts'
import type { RedisUse } from '../harness/redis.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/** One limit that nobody reaches: what the node and Redis spend on a request that it admits. */
export const limited: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens'> = {
  name: 'limited',
  about: 'node and Redis without a limit, with a leased one, one leased by all together, and an exact one',
  options: { rounds: rounds(4, 1), seconds: seconds(2), connections, tokens: tokens(200) },
  async run(site, chosen) {
    const redis = await site.redis()
    const authorizations = await site.tokens(chosen.tokens)
    const nodeWith = (limits: readonly ReturnType<typeof roomyLimit>[]): Promise<BenchNode> =>
      site.node({
        policy: policyOf(site.issuer.url, { orders: orders(site.upstream.port, limits) }),
        redis: redis.url,
      })
    const nodes = {
      none: await nodeWith([]),
      leased: await nodeWith([roomyLimit('leased')]),
      together: await nodeWith([roomyLimit('leased', 'route')]),
      exact: await nodeWith([roomyLimit('exact')]),
    }
    const turn = (node: BenchNode) => () => redis.during(() => load([node], { ...chosen, authorizations }))
    const found = await inTurns(
      {
        none: turn(nodes.none),
        leased: turn(nodes.leased),
        together: turn(nodes.together),
        exact: turn(nodes.exact),
      },
      chosen.rounds,
    )
    type Turn = { readonly result: LoadResult; readonly use: RedisUse }
    const cpu = (turns: readonly Turn[]): number[] => turns.map(({ result }) => result.cpuUsPerRequest)
    // Beside what the cluster calls anyway, which is what the node without a limit shows in the same round.
    const calls = (turns: readonly Turn[]) =>
      spread(
        turns.map(({ result, use }, round) => {
          const own = Math.max(0, use.calls - found.none[round]!.use.calls)
          return (own * 1000) / result.requests
        }),
      )
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
