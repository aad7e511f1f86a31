import { byAutocannon } from './autocannon.ts'
import { awakeTimeUs, cpuTimeUs } from './cpu.ts'
import type { Drive, LoadTarget } from './drive.ts'
import { byWrk } from './wrk.ts'

export type Generator = 'autocannon' | 'wrk'

export interface LoadOptions {
  readonly connections: number
  /**
   * Values of `Authorization`. Each connection uses a share of the values in turn. Empty: requests have no
   * `Authorization` field.
   */
  readonly authorizations: readonly string[]
  /** Values of `Cookie`, used instead of `authorizations`. */
  readonly cookies?: readonly string[]
  /** Duration of the load, s. Default: until each value of `Authorization` was used once. */
  readonly seconds?: number
  readonly path?: string
  /** Status code that every reply must have; default: 200. */
  readonly status?: number
  readonly tls?: boolean
  /**
   * Load generator; default: autocannon. wrk supports one target, a fixed duration and no TLS. It only distinguishes
   * statuses below 400 from statuses from 400 on.
   */
  readonly generator?: Generator
}

export interface LoadResult {
  readonly requests: number
  readonly requestsPerSecond: number
  /** User and system CPU time that the processes under load used per request, µs. */
  readonly cpuUsPerRequest: number
  /**
   * Share of the time in which the loaded processes ran or waited for a CPU core, %. Near 100 %, the processes are
   * saturated and handle many requests per turn of the event loop. At lower values, they wake up for few
   * requests, and each request costs more.
   */
  readonly busyPercent: number
}

const drives: Readonly<Record<Generator, Drive>> = { autocannon: byAutocannon, wrk: byWrk }

/** Returns the CPU time per request of each round, µs. */
export function cpuTimes(results: readonly LoadResult[]): number[] {
  return results.map(({ cpuUsPerRequest }) => cpuUsPerRequest)
}

/**
 * Sends requests as fast as the targets reply. Use it for CPU costs only: latency under such a load shows only the
 * queue length (see arrivals.ts).
 *
 * @throws {Error} when a reply has another status than the expected one, because the run would then measure the cost of
 * refusals
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
  if (driven.wrong !== undefined) throw new Error(`expected only replies with status ${status}; got ${driven.wrong}`)
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
