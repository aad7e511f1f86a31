/** What stands under load: a proxy, or several that share the connections. */
export interface LoadTarget {
  readonly port: number
  readonly pid: number
}

/** What a generator is told. */
export interface DriveOptions {
  readonly connections: number
  /** In which each request has one of the values. */
  readonly field: string
  /** Empty: no field. */
  readonly values: readonly string[]
  /** `undefined`: each value is used once. */
  readonly seconds: number | undefined
  readonly path: string
  readonly status: number
  readonly tls: boolean
}

/** What came of it. */
export interface Driven {
  /** Good replies. */
  readonly requests: number
  /** To the last reply. */
  readonly seconds: number
  /** What else there was, in words. */
  readonly wrong?: string
}

/** A load generator. */
export type Drive = (targets: readonly LoadTarget[], options: DriveOptions) => Promise<Driven>
