import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGate } from '../harness/gate.ts'
import { type LoadResult, load } from '../harness/load.ts'
import { startBareProxy, startUpstream } from '../harness/nginx.ts'
import type { Running } from '../harness/process.ts'
import { type Spread, spread } from '../harness/statistics.ts'
import { BenchIssuer } from '../harness/tokens.ts'

export interface HotOptions {
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
  readonly tokens: number
  readonly progress: (line: string) => void
}

export interface HotResult {
  readonly scenario: 'hot'
  readonly rounds: number
  readonly tokens: number
  readonly cpu_us_per_request: Spread
  readonly bare_cpu_us_per_request: Spread
  /** Gate by bare proxy, round by round. */
  readonly ratio: Spread
  readonly requests_per_second: Spread
  readonly bare_requests_per_second: Spread
}

/**
 * Known tokens through the whole lifecycle, against a bare `proxy_pass` in front of the same upstream: in turns, so that
 * what else the machine does meets both.
 */
export async function hot(options: HotOptions): Promise<HotResult> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  const running: Running[] = []
  const issuer = await BenchIssuer.start()
  try {
    const upstream = await startUpstream(join(folder, 'upstream'))
    running.push(upstream)
    const bare = await startBareProxy(join(folder, 'bare'), upstream.port)
    running.push(bare)
    const gate = await startGate(join(folder, 'gate'), issuer.url, upstream.port)
    running.push(gate)

    options.progress(`signing ${options.tokens} tokens`)
    const authorizations: string[] = []
    for (let n = 0; n < options.tokens; n++) authorizations.push(`Bearer ${await issuer.token(n)}`)
    const against = (target: { port: number; pid: number }, seconds: number): Promise<LoadResult> =>
      load({ ...target, seconds, connections: options.connections, authorizations })

    options.progress('warming up')
    await against(bare, 1)
    await against(gate, 3)
    const results: { bare: LoadResult; gate: LoadResult }[] = []
    for (let round = 1; round <= options.rounds; round++) {
      const pair = { bare: await against(bare, options.seconds), gate: await against(gate, options.seconds) }
      results.push(pair)
      const [a, b] = [pair.bare.cpuUsPerRequest, pair.gate.cpuUsPerRequest]
      options.progress(
        `round ${round}/${options.rounds}: bare ${a.toFixed(1)} µs, gate ${b.toFixed(1)} µs, ${(b / a).toFixed(2)} ×`,
      )
    }
    return {
      scenario: 'hot',
      rounds: options.rounds,
      tokens: options.tokens,
      cpu_us_per_request: spread(results.map((pair) => pair.gate.cpuUsPerRequest)),
      bare_cpu_us_per_request: spread(results.map((pair) => pair.bare.cpuUsPerRequest)),
      ratio: spread(results.map((pair) => pair.gate.cpuUsPerRequest / pair.bare.cpuUsPerRequest)),
      requests_per_second: spread(results.map((pair) => pair.gate.requestsPerSecond)),
      bare_requests_per_second: spread(results.map((pair) => pair.bare.requestsPerSecond)),
    }
  } finally {
    for (const one of running.reverse()) await one.stop()
    issuer.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
