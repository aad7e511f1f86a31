import type { LoadTarget } from '../harness/drive.ts'
import { cpuTimes, type LoadResult, load, warmUp } from '../harness/load.ts'
import { connections, rounds, seconds, tokens, warm } from '../harness/options.ts'
import { orders, policyOf, roomyLimit } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, type Spread, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'
import { startFastify, startForwarder, startHaproxy, startLoggingNginx } from './start.ts'

/** Number of tokens that the Fastify gateway caches: more than the run uses. */
const CACHED = 10_000

/**
 * Compares the gate with other proxies in front of the same upstream, with the same tokens and requirements: first with
 * cached tokens, then with new tokens. nginx only forwards, once with an access log; the forwarder
 * only forwards, with the gate's listener and upstream client. The other proxies verify the token, check scope and role,
 * and count requests by subject.
 * The contender `gate` counts all requests of the route together, as in the budget of the scenario `hot`.
 */
export const peers: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'fresh' | 'warm'> = {
  name: 'peers',
  about: 'the gate compared with nginx without a policy, HAProxy with jwt_verify, and a Fastify stack',
  options: {
    rounds: rounds(5, 1),
    seconds: seconds(3),
    connections,
    tokens: tokens(1000),
    warm,
    fresh: { about: 'number of tokens in a round with new tokens', usual: 3000, quick: 1000 },
  },
  choosesGenerator: true,
  async run(site, chosen) {
    const redis = await site.redis()
    const gate = (by: 'route' | 'subject') =>
      site.node({
        policy: policyOf(site.issuer.url, { orders: orders(site.upstream.port, [roomyLimit('leased', by)]) }),
        redis: redis.url,
      })
    const targets = {
      nginx: site.bare,
      nginx_log: await startLoggingNginx(site),
      forwarder: await startForwarder(site),
      gate: await gate('route'),
      gate_by_subject: await gate('subject'),
      haproxy: await startHaproxy(site),
      fastify: await startFastify(site, redis.url, 0),
      fastify_cached: await startFastify(site, redis.url, CACHED),
    }
    type Peer = keyof typeof targets
    const authorizations = await site.tokens(chosen.tokens)
    let made = chosen.tokens
    const hot = (target: LoadTarget) => () => load([target], { ...chosen, authorizations, generator: site.generator })
    const cold = (target: LoadTarget) => async () => {
      const fresh = await site.tokens(chosen.fresh, made)
      made += fresh.length
      return load([target], { connections: chosen.connections, authorizations: fresh })
    }
    const turns = (of: (target: LoadTarget) => () => Promise<LoadResult>) =>
      Object.fromEntries(Object.entries(targets).map(([name, target]) => [name, of(target)])) as Record<
        Peer,
        () => Promise<LoadResult>
      >
    const { nginx: _, nginx_log: __, forwarder: ___, ...verifying } = turns(cold)
    const report = (what: string) => (round: number, results: Readonly<Record<string, LoadResult>>) => {
      const each = Object.entries(results).map(([name, result]) => `${name} ${result.cpuUsPerRequest.toFixed(1)} µs`)
      site.progress(`${what} tokens, round ${round}/${chosen.rounds}: ${each.join(', ')}`)
    }
    for (const target of Object.values(targets))
      await warmUp([target], { ...chosen, authorizations, generator: site.generator }, chosen.warm)
    const known = await inTurns<Peer, LoadResult>(turns(hot), chosen.rounds, report('known'))
    const fresh = await inTurns<Exclude<Peer, 'nginx' | 'nginx_log' | 'forwarder'>, LoadResult>(
      verifying,
      chosen.rounds,
      report('fresh'),
    )
    const figures: Record<string, Spread> = {}
    for (const [name, results] of Object.entries(known)) {
      figures[`${name}_cpu_us_per_request`] = spread(cpuTimes(results))
      figures[`${name}_requests_per_second`] = spread(results.map((result) => result.requestsPerSecond))
      figures[`${name}_busy_percent`] = spread(results.map((result) => result.busyPercent))
    }
    for (const [name, results] of Object.entries(fresh))
      figures[`cold_${name}_cpu_us_per_request`] = spread(cpuTimes(results))
    figures['ratio_to_nginx'] = spread(ratios(cpuTimes(known.gate), cpuTimes(known.nginx)))
    figures['ratio_to_nginx_log'] = spread(ratios(cpuTimes(known.gate), cpuTimes(known.nginx_log)))
    figures['ratio_to_forwarder'] = spread(ratios(cpuTimes(known.gate), cpuTimes(known.forwarder)))
    figures['ratio_to_haproxy_jwt'] = spread(ratios(cpuTimes(known.gate), cpuTimes(known.haproxy)))
    figures['ratio_to_fastify_cached'] = spread(ratios(cpuTimes(known.gate), cpuTimes(known.fastify_cached)))
    figures['cold_ratio_to_haproxy_jwt'] = spread(ratios(cpuTimes(fresh.gate), cpuTimes(fresh.haproxy)))
    return { figures, broken: [] }
  },
}
