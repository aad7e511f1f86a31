import { byAutocannon } from './autocannon.ts'
import { awakeTimeUs, cpuTimeUs } from './cpu.ts'
import type { Drive, LoadTarget } from './drive.ts'
import { byWrk } from './wrk.ts'

export type Generator = 'autocannon' | 'wrk'

export interface LoadOptions {
  readonly connections: number
  /** Values of `Authorization`, dealt out to the connections; each walks through its own. Empty: none is sent. */
  readonly authorizations: readonly string[]
  /** Values of `Cookie` in their place. */
  readonly cookies?: readonly string[]
  /** Left out: each authorization is used once, and then it ends. */
  readonly seconds?: number
  readonly path?: string
  /** The only status that is a good one. */
  readonly status?: number
  readonly tls?: boolean
  /** Default: autocannon. wrk loads one target, for a time, without TLS, and knows no status but good ones and 4xx, 5xx. */
  readonly generator?: Generator
}

export interface LoadResult {
  readonly requests: number
  readonly requestsPerSecond: number
  /** User and system time of the processes under load, by the requests they answered. */
  readonly cpuUsPerRequest: number
  /**
   * Part of the time in which they ran, or would have if a core had been free. Near 100: saturated, many requests to a turn of
   * the event loop. Below, it is woken up for a few at a time, which costs more each.
   */
  readonly busyPercent: number
}

const drives: Readonly<Record<Generator, Drive>> = { autocannon: byAutocannon, wrk: byWrk }

/** Round by round, µs a request. */
export function cpuTimes(results: readonly LoadResult[]): number[] {
  return results.map(({ cpuUsPerRequest }) => cpuUsPerRequest)
}

/**
 * Drives listeners as fast as they answer. Says nothing of latency: there that is the length of the queue (arrivals.ts).
 *
 * @throws {Error} when a single reply has another status: a figure of refusals would be no figure
 */
export async function load(targets: readonly LoadTarget[], options: LoadOptions): Promise<LoadResult> {
  const { authorizations, cookies, seconds, path = '/orders/1', status = 200, tls = false, generator } = options
  const [field, values] = cookies === undefined ? ['authorization', authorizations] : ['cookie', cookies]
  const connections = seconds === undefined ? Math.min(options.connections, values.length) : options.connections
  const usedBeforeUs = sum(targets, cpuTimeUs)
  const awakeBeforeUs = sum(targets, awakeTimeUs)
  const drive = drives[generator ?? 'autocannon']
  const driven = await drive(targets, { connections, field, values, seconds, path, status, tls })
  const usedUs = sum(targets, cpuTimeUs) - usedBeforeUs
  const awakeUs = sum(targets, awakeTimeUs) - awakeBeforeUs
  if (driven.wrong !== undefined) throw new Error(`expected ${status} only; ${driven.wrong}`)
  return {
    requests: driven.requests,
    requestsPerSecond: driven.requests / driven.seconds,
    cpuUsPerRequest: usedUs / driven.requests,
    busyPercent: awakeUs / (driven.seconds * 1e4) / targets.length,
  }
}

function sum(targets: readonly LoadTarget[], of: (pid: number) => number): number {
  return targets.reduce((total, { pid }) => total + of(pid), 0)
}
