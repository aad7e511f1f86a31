import { byAutocannon } from './autocannon.ts'
import { awakeTimeUs, cpuTimeUs } from './cpu.ts'
import type { Drive, LoadTarget } from './drive.ts'
import { byWrk } from './wrk.ts'

export type Generator = 'autocannon' | 'wrk'

export interface LoadOptions {
  readonly connections: number
  /** Values of `Authorization`, distributed over the connections; each uses its own in turn. Empty: none is sent. */
  readonly authorizations: readonly string[]
  /** Values of `Cookie` instead. */
  readonly cookies?: readonly string[]
  /** Duration; default: the load ends when each authorization was used once. */
  readonly seconds?: number
  readonly path?: string
  /** The only expected status. */
  readonly status?: number
  readonly tls?: boolean
  /**
   * Default: autocannon. wrk loads one target for a duration, without TLS, and only separates statuses below and from
   * 400.
   */
  readonly generator?: Generator
}

export interface LoadResult {
  readonly requests: number
  readonly requestsPerSecond: number
  /** User and system time of the loaded processes per request. */
  readonly cpuUsPerRequest: number
  /**
   * Part of the time in which the loaded processes ran or waited for a core, %. Near 100, they are saturated and handle
   * many requests per turn of the event loop. Below, they wake up for few requests, and each request costs more.
   */
  readonly busyPercent: number
}

const drives: Readonly<Record<Generator, Drive>> = { autocannon: byAutocannon, wrk: byWrk }

/** µs per request in each round. */
export function cpuTimes(results: readonly LoadResult[]): number[] {
  return results.map(({ cpuUsPerRequest }) => cpuUsPerRequest)
}

/**
 * Loads listeners as fast as they answer. The latency under such a load only shows the queue length (see arrivals.ts).
 *
 * @throws {Error} when any reply has another status, because the figure would then measure refusals
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
