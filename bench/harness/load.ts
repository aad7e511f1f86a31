import autocannon from 'autocannon'
import { cpuTimeUs } from './cpu.ts'

export interface LoadOptions {
  readonly port: number
  readonly pid: number
  readonly seconds: number
  readonly connections: number
  /** One a token, dealt out to the connections; each walks through its own. */
  readonly authorizations: readonly string[]
  /** Requests a second; left out: as many as it can. */
  readonly rate?: number
}

export interface LoadResult {
  readonly requests: number
  readonly requestsPerSecond: number
  /** User and system time of the process under load, by the requests it answered. */
  readonly cpuUsPerRequest: number
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number }
}

/**
 * Drives a listener at saturation for a while.
 *
 * @throws {Error} when a single reply was not 200: a figure of refusals would be no figure
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { authorizations, connections } = options
  const before = cpuTimeUs(options.pid)
  let dealt = 0
  const result = await autocannon({
    url: `http://127.0.0.1:${options.port}/orders/1`,
    connections,
    duration: options.seconds,
    ...(options.rate !== undefined && { overallRate: options.rate }),
    // autocannon builds every request of every connection beforehand: all tokens on each would take longer than the run.
    setupClient: (client) => {
      const own = dealt++
      const share = authorizations.filter((_, i) => i % connections === own % authorizations.length)
      client.setRequests(share.map((authorization) => ({ headers: { authorization } })))
    },
  })
  const used = cpuTimeUs(options.pid) - before
  const requests = result['2xx']
  if (requests === 0 || result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${requests} replies were 2xx, ${result.non2xx} were not, ${result.errors} failed`)
  }
  const { p50, p99, max } = result.latency
  return {
    requests,
    requestsPerSecond: requests / result.duration,
    cpuUsPerRequest: used / requests,
    latencyMs: { p50, p99, max },
  }
}
