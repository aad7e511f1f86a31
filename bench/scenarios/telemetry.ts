import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Gate, startGate } from '../harness/gate.ts'
import { type LoadResult, load } from '../harness/load.ts'
import { startCollector, startUpstream } from '../harness/nginx.ts'
import type { Running } from '../harness/process.ts'
import { formatSpread, type Spread, spread } from '../harness/statistics.ts'
import { BenchIssuer } from '../harness/tokens.ts'

export interface TelemetryOptions {
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
  readonly tokens: number
  readonly progress: (line: string) => void
}

const modes = ['off', 'unsampled', 'one_percent', 'all'] as const

type Mode = (typeof modes)[number]

export interface TelemetryResult {
  readonly scenario: 'telemetry'
  readonly rounds: number
  readonly tokens: number
  readonly cpu_us_per_request: Readonly<Record<Mode, Spread>>
  /** By `off`, round by round. */
  readonly ratio: Readonly<Record<Mode, Spread>>
}

/** `telemetry` of the settings; nothing is kept in Redis, and nothing is left out for its rate. */
function settingsOf(mode: Mode, collector: string): string | undefined {
  const sample = { off: undefined, unsampled: 0, one_percent: 0.01, all: 1 }[mode]
  if (sample === undefined) return undefined
  const traces = `{ endpoint: ${collector}, sample: ${sample}, slow: 10s, faults: true, max_per_second: 1000000 }`
  return `{ traces: ${traces}, metrics: { endpoint: ${collector} } }`
}

/**
 * Known tokens through the whole lifecycle at four gates that differ in what they record, in turns, so that what else the
 * machine does meets all of them.
 */
export async function telemetry(options: TelemetryOptions): Promise<TelemetryResult> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  const running: Running[] = []
  const issuer = await BenchIssuer.start()
  try {
    const upstream = await startUpstream(join(folder, 'upstream'))
    running.push(upstream)
    const collector = await startCollector(join(folder, 'collector'))
    running.push(collector)
    const gates = new Map<Mode, Gate>()
    for (const mode of modes) {
      const said = settingsOf(mode, `http://127.0.0.1:${collector.port}`)
      const extras = said === undefined ? {} : { telemetry: said }
      const gate = await startGate(join(folder, mode), issuer.url, upstream.port, extras)
      running.push(gate)
      gates.set(mode, gate)
    }

    options.progress(`signing ${options.tokens} tokens`)
    const authorizations: string[] = []
    for (let n = 0; n < options.tokens; n++) authorizations.push(`Bearer ${await issuer.token(n)}`)
    const against = (mode: Mode, seconds: number): Promise<LoadResult> =>
      load({ ...gates.get(mode)!, seconds, connections: options.connections, authorizations })

    options.progress('warming up')
    for (const mode of modes) await against(mode, 3)
    const rounds: Record<Mode, number>[] = []
    for (let round = 1; round <= options.rounds; round++) {
      const used = { off: 0, unsampled: 0, one_percent: 0, all: 0 }
      for (const mode of modes) used[mode] = (await against(mode, options.seconds)).cpuUsPerRequest
      rounds.push(used)
      const figures = modes.map((mode) => `${mode} ${used[mode].toFixed(1)} µs`)
      options.progress(`round ${round}/${options.rounds}: ${figures.join(', ')}`)
    }
    return {
      scenario: 'telemetry',
      rounds: options.rounds,
      tokens: options.tokens,
      cpu_us_per_request: byMode((mode) => spread(rounds.map((used) => used[mode]))),
      ratio: byMode((mode) => spread(rounds.map((used) => used[mode] / used.off))),
    }
  } finally {
    for (const one of running.reverse()) await one.stop()
    issuer.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function byMode(figure: (mode: Mode) => Spread): Record<Mode, Spread> {
  return Object.fromEntries(modes.map((mode) => [mode, figure(mode)])) as Record<Mode, Spread>
}

export function telemetryTable(found: TelemetryResult): string {
  const names = { off: 'off', unsampled: 'on, none sampled', one_percent: '1 % sampled', all: 'all sampled' }
  const rows = modes.map((mode) => {
    const used = formatSpread(found.cpu_us_per_request[mode], 1).padEnd(20)
    return `${names[mode].padEnd(18)}${used}  ${formatSpread(found.ratio[mode], 2)}`
  })
  return `
${found.rounds} rounds, ${found.tokens} known tokens; median (lowest–highest)

TRACES            CPU µs/REQUEST        × OFF
${rows.join('\n')}
`
}
