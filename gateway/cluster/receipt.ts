import type { Acknowledged } from './acknowledgements.ts'
import type { Position } from './position.ts'

/**
 * What a revocation promises (snake_case goes over the wire): a node under `acknowledged` admits nothing of it any more;
 * no other node does after `fenced_by`, whatever happened to it. Not that it survives the loss of Redis's data.
 */
export interface Receipt {
  readonly id: string
  readonly position: Position
  readonly acknowledged: readonly Acknowledged[]
  /** Members that have not said so. */
  readonly missing: readonly string[]
  /** RFC 3339: the moment at which Redis had answered + `max_staleness_ms`. */
  readonly fenced_by: string
  readonly max_staleness_ms: number
  /** Replicas of Redis that had it. */
  readonly replicas: number
  /** Whether it is on the disk of Redis, as far as was asked. */
  readonly fsynced: boolean
  /**
   * Of a revoked token: by what it is recognized. `signed-text`: a JWT, whose header and claims have one text only. `jti`
   * or `answer`: an opaque token by its text, and under any other text by the `jti` or the answer of its issuer. `text`:
   * by its text alone.
   */
  readonly matched_by?: 'signed-text' | 'jti' | 'answer' | 'text'
}
