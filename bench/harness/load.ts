import autocannon, { type Options, type Result } from 'autocannon'
import { cpuTimeUs } from './cpu.ts'

/** What stands under load: a proxy, or several that share the connections. */
export interface Target {
  readonly port: number
  readonly pid: number
}

export interface LoadOptions {
  readonly connections: number
  /** Values of `Authorization`, dealt out to the connections; each walks through its own. Empty: none is sent. */
  readonly authorizations: readonly string[]
  /** Left out: each authorization is used once, and then it ends. */
  readonly seconds?: number
  readonly path?: string
  /** The only status that is a good one. */
  readonly status?: number
  readonly tls?: boolean
}

export interface LoadResult {
  readonly requests: number
  readonly requestsPerSecond: number
  /** User and system time of the processes under load, by the requests they answered. */
  readonly cpuUsPerRequest: number
}

/** Round by round, µs a request. */
export function cpuTimes(results: readonly LoadResult[]): number[] {
  return results.map(({ cpuUsPerRequest }) => cpuUsPerRequest)
}

/** How often it looks whether all have been answered, ms. */
const LOOK_MS = 100

/**
 * Drives listeners at saturation. Says nothing of latency: at saturation that is the length of the queue (arrivals.ts).
 *
 * @throws {Error} when a single reply has another status: a figure of refusals would be no figure
 */
export async function load(targets: readonly Target[], options: LoadOptions): Promise<LoadResult> {
  const { authorizations, seconds, path = '/orders/1', status = 200, tls = false } = options
  const connections = seconds === undefined ? Math.min(options.connections, authorizations.length) : options.connections
  const before = targets.map(({ pid }) => cpuTimeUs(pid))
  const startedMs = performance.now()
  let lastMs = startedMs
  let dealt = 0
  const result = await driven(
    {
      // Several are dealt out to the connections in turn, which its types do not know.
      url: targets.map(({ port }) => `${tls ? 'https' : 'http'}://127.0.0.1:${port}${path}`) as never,
      connections,
      sampleInt: LOOK_MS,
      ...(seconds === undefined ? { amount: authorizations.length } : { duration: seconds }),
      // autocannon builds every request of every connection beforehand: all tokens on each would take longer than the run.
      setupClient: (client) => {
        const own = dealt++
        if (authorizations.length === 0) return
        const share = authorizations.filter((_, i) => i % connections === own % authorizations.length)
        client.setRequests(share.map((authorization) => ({ headers: { authorization } })))
      },
    },
    () => {
      lastMs = performance.now()
    },
  )
  const usedUs = targets.reduce((sum, { pid }, i) => sum + cpuTimeUs(pid) - before[i]!, 0)
  const replies = Object.entries(result.statusCodeStats ?? {})
  const requests = replies.find(([code]) => Number(code) === status)?.[1].count ?? 0
  if (requests === 0 || replies.length !== 1 || result.errors > 0) {
    const seen = replies.map(([code, { count }]) => `${count} × ${code}`).join(', ')
    throw new Error(`expected ${status} only; replies: ${seen || 'none'}; ${result.errors} failed`)
  }
  return {
    requests,
    requestsPerSecond: (requests * 1000) / (lastMs - startedMs),
    cpuUsPerRequest: usedUs / requests,
  }
}

function driven(options: Options, replied: () => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    const instance = autocannon(options, (error, result) => {
      if (error === null || error === undefined) resolve(result)
      else reject(error as Error)
    })
    instance.on('response', replied)
  })
}
