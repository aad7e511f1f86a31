import type { SecretPlace } from '../base/secret.ts'
import type { SecretUse } from './open-secret.ts'

/** A secret that a compiled policy needs, without its value. A room opens the secret when the policy takes effect. */
export interface NeededSecret {
  readonly place: SecretPlace
  readonly use: SecretUse
}
