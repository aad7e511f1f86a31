import type { RequestTimeouts } from './target.ts'

/**
 * Failures after which a request can be sent again: no connection (`connect`), connection lost before the first byte of
 * the reply (`reset`), no reply head in time (`timeout`), and statuses of the service.
 */
export type RetryCondition = 'connect' | 'reset' | 'timeout' | 500 | 502 | 503 | 504

/** Rules by which a request of a route is sent again. */
export interface RetryRules {
  readonly on: ReadonlySet<RetryCondition>
  /** Methods whose requests can be sent again after the service may have received them. */
  readonly methods: ReadonlySet<string>
  /** Methods of `methods` whose requests are sent again also with a small body; `undefined`: none. */
  readonly bodyMethods: ReadonlySet<string> | undefined
  /** Maximum number of attempts, the first included. */
  readonly attempts: number
  /** Maximum number of retries for each call of the service, from 0 to 1. */
  readonly budget: number
  /** Timeouts of an attempt that another attempt can follow; `undefined`: those of the route. */
  readonly earlyTimeouts: RequestTimeouts | undefined
}

/**
 * Causes of retries, as in metrics and traces. `full`: the upstream, or the node's limit of calls to it, had no room.
 * `credential`: the service rejected the credential of the gate.
 */
export const retryCauses = ['connect', 'full', 'reset', 'timeout', 500, 502, 503, 504, 'credential'] as const
export type RetryCause = (typeof retryCauses)[number]

/**
 * Results of a failure that the rules allow to retry. `not-in-time`: the wait before the retry would be too long, or
 * would end after the deadline of the exchange. `body-not-kept`: the request has a body that is not kept.
 */
export const retryOutcomes = [
  'retried',
  'attempts-exhausted',
  'budget-exhausted',
  'not-in-time',
  'body-not-kept',
] as const
export type RetryOutcome = (typeof retryOutcomes)[number]
