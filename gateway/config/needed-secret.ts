import type { SecretPlace } from '../base/secret.ts'
import type { SecretUse } from './open-secret.ts'

/**
 * A secret that a compiled policy needs: its source and its use, but not its value. The value is read when the policy
 * is prepared to take effect.
 */
export interface NeededSecret {
  readonly place: SecretPlace
  readonly use: SecretUse
}
