import { byAutocannon } from './autocannon.ts'
import { awakeTimeUs, type CpuTimes, cpuTimesUs } from './cpu.ts'
import type { Drive, LoadTarget } from './drive.ts'
import { requestMix } from './request-mix.ts'
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
  /** Path of all requests, which are then GET. Default: the calls of `requestMix`, in turn. */
  readonly path?: string
  /** Status code that every reply must have; default: 200. */
  readonly status?: number
  readonly tls?: boolean
  /**
   * Load generator; default: autocannon. wrk supports one target, a fixed duration and no TLS. It only distinguishes
   * statuses below 400 from statuses from 400 on.
   */
  readonly generator?: Generator
  /** Processes whose CPU time is measured too, by name: those that the targets use, such as Redis. */
  readonly helpers?: Readonly<Record<string, { readonly pid: number }>>
}

export interface LoadResult {
  readonly requests: number
  readonly requestsPerSecond: number
  /** User and system CPU time that the processes under load used per request, µs. */
  readonly cpuUsPerRequest: number
  /** Part of `cpuUsPerRequest` that the main threads of the processes used. The rest: collector, compiler, thread pool. */
  readonly mainCpuUsPerRequest: number
  /** CPU time of each process of `helpers` per request, µs. */
  readonly helperCpuUsPerRequest: Readonly<Record<string, number>>
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
  const { authorizations, cookies, seconds, path, status = 200, tls = false, generator, helpers = {} } = options
  const [field, values] = cookies === undefined ? ['authorization', authorizations] : ['cookie', cookies]
  const requests = requestMix(field, values, path)
  const connections = seconds === undefined ? Math.min(options.connections, requests.length) : options.connections
  const before = usedBy(targets)
  const helpersBefore = usedByEach(helpers)
  const awakeBeforeUs = awake(targets)
  const driven = await drives[generator ?? 'autocannon'](targets, { connections, requests, seconds, status, tls })
  const after = usedBy(targets)
  const helpersAfter = usedByEach(helpers)
  const awakeUs = awake(targets) - awakeBeforeUs
  if (driven.wrong !== undefined) throw new Error(`expected only replies with status ${status}; got ${driven.wrong}`)
  return {
    requests: driven.requests,
    requestsPerSecond: driven.requests / driven.seconds,
    cpuUsPerRequest: (after.allUs - before.allUs) / driven.requests,
    mainCpuUsPerRequest: (after.mainUs - before.mainUs) / driven.requests,
    helperCpuUsPerRequest: Object.fromEntries(
      helpersAfter.map(([name, us], i) => [name, (us - helpersBefore[i]![1]) / driven.requests]),
    ),
    busyPercent: awakeUs / (driven.seconds * 1e4) / targets.length,
  }
}

/**
 * Sends at least this number of requests before a measurement, so that the JavaScript engine has compiled the hot path:
 * after 60,000 requests, the compiler still took 16 % of the CPU time.
 */
export async function warmUp(targets: readonly LoadTarget[], options: LoadOptions, requests: number): Promise<void> {
  for (let sent = 0; sent < requests; ) sent += (await load(targets, { ...options, seconds: 1 })).requests
}

function usedBy(targets: readonly LoadTarget[]): CpuTimes {
  const all = targets.map(({ pid }) => cpuTimesUs(pid))
  return {
    allUs: all.reduce((sum, { allUs }) => sum + allUs, 0),
    mainUs: all.reduce((sum, { mainUs }) => sum + mainUs, 0),
  }
}

function usedByEach(helpers: NonNullable<LoadOptions['helpers']>): (readonly [name: string, us: number])[] {
  return Object.entries(helpers).map(([name, { pid }]) => [name, cpuTimesUs(pid).allUs])
}

function awake(targets: readonly LoadTarget[]): number {
  return targets.reduce((total, { pid }) => total + awakeTimeUs(pid), 0)
}
