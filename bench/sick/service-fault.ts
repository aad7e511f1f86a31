/** Faults of a service that a benchmark can cause. */
export const faults = ['hangs', 'resets', 'errors', 'slow', 'overloaded'] as const

export type ServiceFault = (typeof faults)[number]

/** Path of health checks. The faults apply to it too; its requests are not counted as calls. */
export const HEALTH_PATH = '/healthz'

/** Message to a service: how it treats requests from now on. */
export interface ServiceOrder {
  readonly fault: ServiceFault | 'none'
  /** Time for one request of an overloaded service, ms. It works on one request at a time. */
  readonly overloadedMs: number
}

/** Reply to a `ServiceOrder`: the number of calls under the previous order, by second since that order. */
export type CallsBySecond = readonly number[]
