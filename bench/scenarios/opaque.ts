import { onlyStatus, sendAtRandomTimes } from '../harness/arrivals.ts'
import { cpuTimeUs } from '../harness/cpu.ts'
import { cpuTimes, load } from '../harness/load.ts'
import { startWorker } from '../harness/node.ts'
import { connections, rounds, seconds, tokens } from '../harness/options.ts'
import { introspected, orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, single, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/** Cache time of introspection results, s. Longer than all rounds, because the rounds measure cached tokens. */
const WARM_CACHE_S = 300
/** Cache time of introspection results at the steady rate, s. Several cache periods fit into the run. */
const CACHE_S = 10

/**
 * Compares cached opaque tokens with cached JWTs on one node in alternating rounds. Afterwards sends opaque tokens to
 * another node at a steady rate, while introspection results expire and a worker refreshes them.
 */
export const opaque: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'rate' | 'steady'> = {
  name: 'opaque',
  about:
    'cached opaque tokens compared with cached JWTs on one node, then opaque tokens at a steady rate with a worker',
  options: {
    rounds: rounds(4, 1),
    seconds: seconds(2),
    connections,
    tokens: tokens(1000, 500),
    rate: { about: 'requests a second of the steady part', usual: 1000 },
    steady: { about: 'seconds of the steady part', usual: 25, quick: 6 },
  },
  async run(site, chosen) {
    const redis = await site.redis()
    const plan = (cacheS: number) => ({
      policy: policyOf(site.issuer.url, { orders: orders(site.upstream.port) }, introspected(cacheS)),
      redis: redis.url,
    })
    const warm = await site.node(plan(WARM_CACHE_S))
    site.progress(`making ${chosen.tokens} tokens of each kind`)
    const jwts = await site.tokens(chosen.tokens)
    const opaques = () => Array.from({ length: chosen.tokens }, (_, n) => `Bearer ${site.issuer.opaque(n)}`)
    const known = opaques()
    const found = await inTurns(
      {
        jwt: () => load([warm], { ...chosen, authorizations: jwts }),
        opaque: () => load([warm], { ...chosen, authorizations: known }),
      },
      chosen.rounds,
    )
    await warm.stop()

    site.progress(`${chosen.rate} requests a second for ${chosen.steady} s`)
    const aging = await site.node(plan(CACHE_S))
    const worker = site.keep(startWorker(aging.folder))
    const workerBefore = cpuTimeUs(worker.pid)
    const fresh = opaques()
    const steady = await sendAtRandomTimes(aging, {
      perSecond: chosen.rate,
      seconds: chosen.steady,
      connections: chosen.connections,
      authorizations: fresh,
    })
    const workerUs = cpuTimeUs(worker.pid) - workerBefore
    const asked = fresh.map((each) => site.issuer.asked.get(each.slice('Bearer '.length)) ?? 0)
    const questions = asked.reduce((sum, count) => sum + count, 0)
    return {
      figures: {
        jwt_cpu_us_per_request: spread(cpuTimes(found.jwt)),
        opaque_cpu_us_per_request: spread(cpuTimes(found.opaque)),
        ratio: spread(ratios(cpuTimes(found.opaque), cpuTimes(found.jwt))),
        steady_cpu_us_per_request: single(steady.cpuUsPerRequest),
        steady_p50_ms: single(steady.latencyMs.p50),
        steady_p99_ms: single(steady.latencyMs.p99),
        worker_cpu_us_per_question: single(workerUs / questions),
        // Introspection calls to the issuer per token. One call per cache period of 10 s is enough.
        questions_per_token: single(questions / chosen.tokens),
        most_questions_per_token: single(Math.max(...asked)),
      },
      broken: onlyStatus(steady, 200) ? [] : [`opaque tokens at a steady rate: ${JSON.stringify(steady.replies)}`],
    }
  },
}
