import { Sealer } from '../base/sealer.ts'
import type { KeyRings } from '../config/key-rings.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { LoginService, type LoginServiceDependencies } from './login-service.ts'

export interface LoginDependencies extends Pick<LoginServiceDependencies, 'clients' | 'keys' | 'issuers' | 'log'> {
  readonly keyRings: Pick<KeyRings, 'encryption'>
  /** Connections to Redis; `undefined` when the node runs without Redis. */
  readonly link: RedisLink | undefined
  /** Login sessions; `undefined` without Redis or without encryption keys. */
  readonly sessions: Sessions | undefined
}

/**
 * Creates the handlers of the login and logout paths.
 *
 * @returns `undefined` without Redis or without encryption keys: browsers then cannot log in
 */
export function openLogin({ keyRings, link, sessions, ...rest }: LoginDependencies): LoginService | undefined {
  const sealer = Sealer.following(keyRings.encryption, 'login-state')
  if (sealer === undefined || link === undefined || sessions === undefined) return undefined
  return new LoginService({ ...rest, link, sealer, sessions })
}
