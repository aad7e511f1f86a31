import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedis } from '../../deploy/redis-server.ts'
import { startGate, startWorker } from '../harness/gate.ts'
import { type LoadResult, load } from '../harness/load.ts'
import { startUpstream } from '../harness/nginx.ts'
import { freePort, type Running } from '../harness/process.ts'
import { formatSpread, type Spread, spread } from '../harness/statistics.ts'
import { BenchIssuer } from '../harness/tokens.ts'

export interface OpaqueOptions {
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
  readonly tokens: number
  /** Requests a second of the steady part, and how long it is. */
  readonly rate: number
  readonly steadySeconds: number
  readonly progress: (line: string) => void
}

export interface OpaqueResult {
  readonly scenario: 'opaque'
  readonly rounds: number
  readonly tokens: number
  readonly jwt_cpu_us_per_request: Spread
  readonly opaque_cpu_us_per_request: Spread
  /** Opaque by JWT, round by round. */
  readonly ratio: Spread
  readonly steady: {
    readonly requests: number
    readonly cpu_us_per_request: number
    readonly latency_ms: LoadResult['latencyMs']
    /** Questions to the issuer, and the most about one token. */
    readonly questions: number
    readonly most_about_one: number
    /** Whole periods of the cache in that time: nobody needs to ask more often, but for the first use. */
    readonly periods: number
  }
}

/** Longer than the rounds: they are about known tokens. */
const WARM_CACHE_S = 300
/** Some periods fit into a run. */
const CACHE_S = 10

/**
 * Opaque tokens and JWTs that one gate knows, in turns; then, at another gate, opaque ones at a steady rate, while they
 * age and a worker refreshes them.
 */
export async function opaque(options: OpaqueOptions): Promise<OpaqueResult> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  const running: Pick<Running, 'stop'>[] = []
  const issuer = await BenchIssuer.start()
  try {
    const redisPort = await freePort()
    running.push(await startRedis({ folder: join(folder, 'redis'), port: redisPort }))
    const upstream = await startUpstream(join(folder, 'upstream'))
    running.push(upstream)
    const gateOf = async (name: string, cacheS: number) => {
      const started = await startGate(join(folder, name), issuer.url, upstream.port, {
        redis: `redis://127.0.0.1:${redisPort}`,
        opaqueCacheS: cacheS,
      })
      running.push(started)
      return started
    }
    let gate = await gateOf('warm', WARM_CACHE_S)

    const { tokens, connections, seconds } = options
    options.progress(`making ${tokens} tokens of each kind`)
    const jwts: string[] = []
    for (let n = 0; n < tokens; n++) jwts.push(`Bearer ${await issuer.token(n)}`)
    const opaques = Array.from({ length: tokens }, (_, n) => `Bearer ${issuer.opaque(n)}`)
    const run = (authorizations: string[], more: { seconds: number; rate?: number }) =>
      load({ port: gate.port, pid: gate.pid, connections, authorizations, ...more })

    options.progress('warming up')
    await run(jwts, { seconds: 3 })
    await run(opaques, { seconds: 3 })
    const rounds: { jwt: LoadResult; opaque: LoadResult }[] = []
    for (let round = 1; round <= options.rounds; round++) {
      const pair = { jwt: await run(jwts, { seconds }), opaque: await run(opaques, { seconds }) }
      rounds.push(pair)
      const [a, b] = [pair.jwt.cpuUsPerRequest, pair.opaque.cpuUsPerRequest]
      const figures = `JWT ${a.toFixed(1)} µs, opaque ${b.toFixed(1)} µs, ${(b / a).toFixed(2)} ×`
      options.progress(`round ${round}/${options.rounds}: ${figures}`)
    }

    options.progress(`${options.rate} requests a second for ${options.steadySeconds} s`)
    await gate.stop()
    gate = await gateOf('steady', CACHE_S)
    running.push(startWorker(join(folder, 'steady')))
    const again = Array.from({ length: tokens }, (_, n) => `Bearer ${issuer.opaque(n)}`)
    const steady = await run(again, { seconds: options.steadySeconds, rate: options.rate })
    const counts = again.map((each) => issuer.asked.get(each.slice('Bearer '.length)) ?? 0)
    return {
      scenario: 'opaque',
      rounds: options.rounds,
      tokens,
      jwt_cpu_us_per_request: spread(rounds.map(({ jwt }) => jwt.cpuUsPerRequest)),
      opaque_cpu_us_per_request: spread(rounds.map((pair) => pair.opaque.cpuUsPerRequest)),
      ratio: spread(rounds.map((pair) => pair.opaque.cpuUsPerRequest / pair.jwt.cpuUsPerRequest)),
      steady: {
        requests: steady.requests,
        cpu_us_per_request: steady.cpuUsPerRequest,
        latency_ms: steady.latencyMs,
        questions: counts.reduce((sum, count) => sum + count, 0),
        most_about_one: Math.max(0, ...counts),
        periods: Math.floor(options.steadySeconds / CACHE_S),
      },
    }
  } finally {
    for (const one of running.reverse()) await one.stop()
    issuer.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

export function opaqueTable(found: OpaqueResult): string {
  const { steady } = found
  const { p50, p99, max } = steady.latency_ms
  return `
${found.rounds} rounds, ${found.tokens} known tokens of each kind; median (lowest–highest)

TOKENS        CPU µs/REQUEST
JWT           ${formatSpread(found.jwt_cpu_us_per_request, 1)}
opaque        ${formatSpread(found.opaque_cpu_us_per_request, 1)}
opaque / JWT  ${formatSpread(found.ratio, 2)}

Steady: ${steady.requests} requests, none refused; ${steady.cpu_us_per_request.toFixed(1)} µs each; latency ${p50} ms median, ${p99} ms p99, ${max} ms at most
Questions: ${steady.questions} for ${found.tokens} tokens in ${steady.periods} periods of ${CACHE_S} s; ${steady.most_about_one} at most about one
`
}
