import { cpuTimes, load, warmUp } from '../harness/load.ts'
import { startCollector } from '../harness/nginx.ts'
import type { BenchNode } from '../harness/node.ts'
import { connections, rounds, seconds, tokens, warm } from '../harness/options.ts'
import { orders, policyOf } from '../harness/policy.ts'
import type { Scenario } from '../harness/scenario.ts'
import { ratios, type Spread, spread } from '../harness/statistics.ts'
import { inTurns } from '../harness/turns.ts'

/** Share of the exchanges whose traces are sampled, by mode. `off`: the node records no traces. */
const samples = { off: undefined, unsampled: 0, one_percent: 0.01, all: 1 }
type Mode = keyof typeof samples

/** Measures the CPU time of requests with cached tokens at four nodes with different trace settings. */
export const telemetry: Scenario<'rounds' | 'seconds' | 'connections' | 'tokens' | 'warm'> = {
  name: 'telemetry',
  about: 'CPU time of a request with traces off, on and not sampled, 1 % and all sampled',
  options: { rounds: rounds(4, 1), seconds: seconds(2), connections, tokens: tokens(1000), warm },
  async run(site, chosen) {
    const collector = site.keep(await startCollector(site.newFolder('collector')))
    const authorizations = await site.tokens(chosen.tokens)
    const policy = policyOf(site.issuer.url, { orders: orders(site.upstream.port) })
    const turnAt = async (mode: Mode) => {
      const node: BenchNode = await site.node({ policy, settings: recorded(samples[mode], collector.port) })
      await warmUp([node], { ...chosen, authorizations }, chosen.warm)
      return () => load([node], { ...chosen, authorizations })
    }
    const found = await inTurns(
      {
        off: await turnAt('off'),
        unsampled: await turnAt('unsampled'),
        one_percent: await turnAt('one_percent'),
        all: await turnAt('all'),
      },
      chosen.rounds,
    )
    const figures: Record<string, Spread> = {}
    for (const [mode, results] of Object.entries(found)) {
      figures[`${mode}_cpu_us_per_request`] = spread(cpuTimes(results))
      if (mode !== 'off') figures[`${mode}_ratio`] = spread(ratios(cpuTimes(results), cpuTimes(found.off)))
    }
    return { figures, broken: [] }
  },
}

/**
 * Settings for traces and metrics at this sampling rate. The limit of traces per second is so high that it has no
 * effect.
 */
function recorded(sample: number | undefined, port: number) {
  if (sample === undefined) return {}
  const endpoint = `http://127.0.0.1:${port}`
  const traces = { endpoint, sample, slow: '10s', faults: true, max_per_second: 1_000_000 }
  return { telemetry: { traces, metrics: { endpoint } } }
}
