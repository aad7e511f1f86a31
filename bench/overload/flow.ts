/** A stream of requests that the generator sends at random times, independent of earlier replies. */
export interface LoadFlow {
  readonly name: string
  /** Request heads, used in turn. */
  readonly heads: readonly string[]
  /** Mean number of requests per second, by step of the plan. */
  readonly perSecond: readonly number[]
  /** Maximum number of connections. A request that is due when all of them are in use waits for at most 1 s. */
  readonly connections: number
  /**
   * Number of loopback addresses from 127.0.1.1 on, up to 254, from which the connections are opened in turn. Default:
   * all connections are opened from 127.0.0.1.
   */
  readonly addresses?: number
  /** Whether each request has a new connection, which is closed after the reply. */
  readonly isReconnecting?: boolean
}

/** Work of the generator: all flows at the same time, step after step. */
export interface FlowPlan {
  readonly port: number
  /** Length of each step of the load, s. */
  readonly steps: readonly number[]
  readonly flows: readonly LoadFlow[]
}

/** Result of a flow in one step. A request belongs to the step in which it is due. */
export interface FlowStep {
  readonly due: number
  /** Number of requests that were not sent, because no connection of the flow became free within 1 s. */
  readonly unsent: number
  /** Number of replies by status. `failed`: the connection was closed, or no reply arrived. */
  readonly replies: Readonly<Record<string, number>>
  /** Number of replies with a status below 400 that arrived during the step, in whichever step their requests were due. */
  readonly arrived: number
  /** Latency of the replies with a status below 400, from the time at which the request was due, ms; 0 without replies. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  /** Time from the start of the step at which the last request was due that got no reply with a status below 400, ms. */
  readonly lastRefusedMs: number
}

/** Results by name of the flow, then by step. */
export type FlowResults = Readonly<Record<string, readonly FlowStep[]>>

/** Report of the generator about a plan. */
export interface FlowReport {
  readonly results: FlowResults
  /**
   * Time by which the generator was late in sending due requests, 99th percentile over its checks, ms. Latencies include
   * this time, so a large value shows that the generator was slow, and not the gate.
   */
  readonly lateP99Ms: number
}

/** Message of the load generator: a step begins, or all steps have ended. */
export type FlowMessage = { readonly step: number } | { readonly report: FlowReport }
