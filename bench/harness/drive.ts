/** Target of a load: one proxy, or several that share the connections. */
export interface LoadTarget {
  readonly port: number
  readonly pid: number
}

/** Parameters of a load. */
export interface DriveOptions {
  readonly connections: number
  /** Name of the field that has one of the values in each request. */
  readonly field: string
  /** Empty: no field. */
  readonly values: readonly string[]
  /** Duration; `undefined`: the load ends when each value was used once. */
  readonly seconds: number | undefined
  readonly path: string
  readonly status: number
  readonly tls: boolean
}

/** Result of a load. */
export interface Driven {
  /** Number of replies with the expected status. */
  readonly requests: number
  /** Time until the last reply. */
  readonly seconds: number
  /** Description of unexpected replies; `undefined`: none. */
  readonly wrong?: string
}

/** A load generator. */
export type Drive = (targets: readonly LoadTarget[], options: DriveOptions) => Promise<Driven>
