import type { Acknowledged } from './acknowledgements.ts'
import type { Position } from './position.ts'

/**
 * Longest wait for acknowledgements. A number: ms, at most 5 minutes are waited. `all`: until every member has
 * acknowledged, or until the state of each missing member must be stale, 5 minutes at most. `none`: no wait.
 */
export type AcknowledgementWait = 'all' | 'none' | number

/**
 * Result of a revocation, in the form in which the admin API sends it. Nodes in `acknowledged` already reject the
 * revoked credentials. Every other node rejects them from the time `fenced_by` on, even if it does not receive the
 * revocation. A receipt does not promise that the revocation survives a loss of the data in Redis.
 */
export interface Receipt {
  readonly id: string
  readonly position: Position
  readonly acknowledged: readonly Acknowledged[]
  /** Ids of the members that have not acknowledged the revocation. */
  readonly missing: readonly string[]
  /** Time that the call waited for acknowledgements after Redis had stored the revocation, ms. */
  readonly waited_ms: number
  /**
   * Time from which every node rejects the revoked credentials (RFC 3339): the time of the reply of Redis plus
   * `max_staleness_ms`.
   */
  readonly fenced_by: string
  readonly max_staleness_ms: number
  /** Number of Redis replicas that confirmed the write. */
  readonly replicas: number
  /** Whether Redis wrote the revocation to disk. Meaningful only if the caller requested the write to disk. */
  readonly fsynced: boolean
  /**
   * How nodes recognize a revoked token. `signed-text`: a JWT, recognized by its signed header and claims. `jti` or
   * `answer`: an opaque token, recognized by its text. If the issuer accepts a second text for the same token, the
   * token is recognized by the `jti` or by other values in the introspection response. `text`: recognized by its text
   * only.
   */
  readonly matched_by?: 'signed-text' | 'jti' | 'answer' | 'text'
}
