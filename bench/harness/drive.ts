/** Process and port that a load is sent to: a proxy, the gate or an upstream. */
export interface LoadTarget {
  readonly port: number
  readonly pid: number
}

/** Parameters of a load of HTTP requests. */
export interface DriveOptions {
  readonly connections: number
  /** Name of the header field that gets one of `values` in each request. */
  readonly field: string
  /** Values of `field`, used in turn. Empty: requests do not have the field. */
  readonly values: readonly string[]
  /** Duration of the load, s. `undefined`: the load ends when each value of `values` was used once. */
  readonly seconds: number | undefined
  readonly path: string
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
