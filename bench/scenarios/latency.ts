import { type ArrivalResult, onlyStatus, sendAtRandomTimes } from '../harness/arrivals.ts'
import { load } from '../harness/load.ts'
import { rounds, seconds, tokens } from '../harness/options.ts'
import { orders, policyOf, roomyLimit } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, single, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/**
 * Share of the maximum rate at which latency is measured. At half of the machine's maximum rate, which includes the
 * load generator and the upstream, queues stay short.
 */
const SHARE = 0.5

/**
 * Measures the latency that the gate adds to requests at random times: the difference to direct requests to the
 * upstream in the same round at the same rate.
 */
export const latency: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'most'> = {
  name: 'latency',
  about: 'latency that the gate adds to a request at half of saturation, at a fixed arrival rate',
  options: {
    rounds: rounds(5, 1),
    seconds: seconds(4, 1),
    connections: { about: 'number of keep-alive connections', usual: 128 },
    tokens: tokens(1000),
    most: { about: 'maximum rate of the load generator, requests per second', usual: 4000 },
  },
  async run(site, chosen) {
    const redis = await site.redis()
    const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port, [roomyLimit('leased', 'route')]) })
    const node = await site.node({ policy, redis: redis.url })
    const authorizations = await site.tokens(chosen.tokens)
    const saturated = await load([node], { connections: 64, seconds: chosen.seconds, authorizations })
    const perSecond = Math.round(Math.min(saturated.requestsPerSecond * SHARE, chosen.most))
    site.progress(`${perSecond} requests a second`)
    const turn = (target: { port: number; pid: number }) => (): Promise<ArrivalResult> =>
      sendAtRandomTimes(target, { perSecond, seconds: chosen.seconds, connections: chosen.connections, authorizations })
    const found = await inTurns(
      { direct: turn(site.upstream), bare: turn(site.bare), gate: turn(node) },
      chosen.rounds,
      (round, { direct, gate }) => {
        const [a, b] = [direct.latencyMs, gate.latencyMs]
        const text = `direct ${a.p50.toFixed(2)} and ${a.p99.toFixed(2)} ms, gate ${b.p50.toFixed(2)} and ${b.p99.toFixed(2)} ms`
        site.progress(`round ${round}/${chosen.rounds}: p50 and p99 ${text}`)
      },
    )
    const at = (results: readonly ArrivalResult[], share: 'p50' | 'p99'): number[] =>
      results.map(({ latencyMs }) => latencyMs[share])
    const addedMs = (results: readonly ArrivalResult[], share: 'p50' | 'p99'): number[] => {
      const direct = at(found.direct, share)
      return at(results, share).map((ms, round) => ms - direct[round]!)
    }
    const added = (results: readonly ArrivalResult[], share: 'p50' | 'p99') => spread(addedMs(results, share))
    return {
      figures: {
        rate_per_second: single(perSecond),
        added_p50_ms: added(found.gate, 'p50'),
        added_p99_ms: added(found.gate, 'p99'),
        added_p99_ratio: spread(ratios(addedMs(found.gate, 'p99'), addedMs(found.bare, 'p99'))),
        bare_added_p50_ms: added(found.bare, 'p50'),
        bare_added_p99_ms: added(found.bare, 'p99'),
        p50_ms: spread(at(found.gate, 'p50')),
        p99_ms: spread(at(found.gate, 'p99')),
        direct_p50_ms: spread(at(found.direct, 'p50')),
        direct_p99_ms: spread(at(found.direct, 'p99')),
      },
      broken: found.gate.every((result) => onlyStatus(result, 200)) ? [] : ['a request was not served'],
    }
  },
}
