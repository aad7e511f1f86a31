import type { LoadRequest } from './request-mix.ts'

/** Process and port that a load is sent to: a proxy, the gate or an upstream. */
export interface LoadTarget {
  readonly port: number
  readonly pid: number
}

/** Parameters of a load of HTTP requests. */
export interface DriveOptions {
  readonly connections: number
  /** The requests, used in turn. */
  readonly requests: readonly LoadRequest[]
  /** Duration of the load, s. `undefined`: the load ends when each request was sent once. */
  readonly seconds: number | undefined
  readonly status: number
  readonly tls: boolean
}

/** Result of a load of HTTP requests. */
export interface Driven {
  /** Number of replies with the expected status. */
  readonly requests: number
  /** Time from the first request to the last reply, s. */
  readonly seconds: number
  /** Describes the unexpected replies and failed requests; `undefined` when all replies had the expected status. */
  readonly wrong?: string
}

/** A load generator, such as wrk or h2load. */
export type Drive = (targets: readonly LoadTarget[], options: DriveOptions) => Promise<Driven>
