import { residentBytes } from '../harness/cpu.ts'
import { cpuTimes, type LoadResult, load } from '../harness/load.ts'
import { connections, rounds, seconds, tokens, warm } from '../harness/options.ts'
import { orders, policyOf, roomyLimit } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, single, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

const MIB = 1024 * 1024

/**
 * Measures the CPU time of requests with cached tokens that pass all phases: route, address, cached token facts,
 * revocation, scopes, role, leased limit, assertion, log line, metrics. The reference is nginx with a plain
 * `proxy_pass` to the same upstream. Also measures requests that all have the same token, and requests to a public
 * route: these show the cost of the HTTP listener and of the call of the upstream, with little policy.
 */
export const hot: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'warm'> = {
  name: 'hot',
  about: 'CPU time of a request with a cached token, compared with plain nginx',
  options: { rounds: rounds(5, 1), seconds: seconds(3), connections, tokens: tokens(1000), warm },
  choosesGenerator: true,
  async run(site, chosen) {
    const redis = await site.redis()
    const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port, [roomyLimit('leased', 'route')]) })
    const node = await site.node({ policy, redis: redis.url })
    const many = await site.tokens(chosen.tokens)
    await load([node], { ...chosen, authorizations: many, seconds: chosen.warm })
    const { generator } = site
    const turn = (authorizations: string[], path?: string) => (): Promise<LoadResult> =>
      load([node], { ...chosen, authorizations, generator, ...(path === undefined ? {} : { path }) })
    const found = await inTurns(
      {
        bare: () => load([site.bare], { ...chosen, authorizations: many, generator }),
        gate: turn(many),
        one: turn(many.slice(0, 1)),
        open: turn([], '/open/1'),
      },
      chosen.rounds,
      (round, { bare, gate }) => {
        const [a, b] = [bare.cpuUsPerRequest, gate.cpuUsPerRequest]
        const ratio = `${(b / a).toFixed(2)} ×`
        site.progress(`round ${round}/${chosen.rounds}: bare ${a.toFixed(1)} µs, gate ${b.toFixed(1)} µs, ${ratio}`)
      },
    )
    const rate = (results: readonly LoadResult[]): number[] => results.map((result) => result.requestsPerSecond)
    const [gate, bare, open] = [cpuTimes(found.gate), cpuTimes(found.bare), cpuTimes(found.open)]
    return {
      figures: {
        cpu_us_per_request: spread(gate),
        bare_cpu_us_per_request: spread(bare),
        ratio: spread(ratios(gate, bare)),
        one_token_cpu_us_per_request: spread(cpuTimes(found.one)),
        open_cpu_us_per_request: spread(open),
        policy_us_per_request: spread(gate.map((us, round) => us - open[round]!)),
        requests_per_second: spread(rate(found.gate)),
        bare_requests_per_second: spread(rate(found.bare)),
        busy_percent: spread(found.gate.map((result) => result.busyPercent)),
        bare_busy_percent: spread(found.bare.map((result) => result.busyPercent)),
        resident_mib: single(residentBytes(node.pid) / MIB),
      },
      broken: [],
    }
  },
}
