import { cpuTimes, load, warmUp } from '../harness/load.ts'
import { ownTree } from '../harness/node.ts'
import { connections, rounds, seconds, tokens, warm } from '../harness/options.ts'
import { orders, policyOf, roomyLimit } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { formatSpread, ratios, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/**
 * Compares the CPU time per request of this checkout with that of another commit: two nodes with the same policy,
 * loaded in alternating rounds.
 */
export function compareWith(
  folder: string,
  commit: string,
): Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'warm'> {
  return {
    name: 'compare',
    about: `the hot path of this checkout compared with ${commit}`,
    options: { rounds: rounds(9, 3), seconds: seconds(3), connections, tokens: tokens(1000), warm },
    choosesGenerator: true,
    async run(site, chosen) {
      const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port, [roomyLimit('leased', 'route')]) })
      const authorizations = await site.tokens(chosen.tokens)
      const nodeOf = async (tree: string) => {
        // Each node has its own Redis, because two versions of the gate can store different data.
        const redis = await site.redis()
        return site.node({ policy, redis: redis.url, tree })
      }
      const [that, own] = [await nodeOf(folder), await nodeOf(ownTree)]
      for (const node of [that, own])
        await warmUp([node], { ...chosen, authorizations, generator: site.generator }, chosen.warm)
      const found = await inTurns(
        {
          that: () => load([that], { ...chosen, authorizations, generator: site.generator }),
          own: () => load([own], { ...chosen, authorizations, generator: site.generator }),
        },
        chosen.rounds,
        (round, { that, own }) => {
          const [a, b] = [that.cpuUsPerRequest, own.cpuUsPerRequest]
          const ratio = `${(b / a).toFixed(2)} ×`
          site.progress(
            `round ${round}/${chosen.rounds}: ${commit} ${a.toFixed(1)} µs, this ${b.toFixed(1)} µs, ${ratio}`,
          )
        },
      )
      const ratio = spread(ratios(cpuTimes(found.own), cpuTimes(found.that)))
      return {
        figures: {
          cpu_us_per_request: spread(cpuTimes(found.own)),
          that_cpu_us_per_request: spread(cpuTimes(found.that)),
          ratio,
        },
        broken: [],
        notes: [`This tree takes ${formatSpread(ratio, '×')} of what ${commit} takes.`],
      }
    },
  }
}
