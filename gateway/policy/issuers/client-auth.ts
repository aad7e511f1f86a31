import { resolve } from 'node:path'
import type { SecretPlace } from '../../base/secret.ts'
import type { DocumentPath } from '../../config/problem.ts'
import type { SecretReference } from '../../config/secret.ts'
import type { ClientAuth } from '../../oauth/token-facts.ts'
import type { ClientAuthEntry } from './client-auth-keys.ts'

/**
 * Returns the folder of the policy file that contains the entry at `path`. Relative file paths in the entry start
 * there.
 */
export type FolderOf = (path: DocumentPath) => string

/**
 * Derives how the gate authenticates to an issuer from the credential in the policy entry. An explicit `client_auth`
 * must match that credential.
 *
 * @returns method `none` when the entry has no credential; `undefined` after a reported problem
 */
export function clientAuthOf(
  entry: ClientAuthEntry,
  folder: string,
  report: (message: string) => void,
): ClientAuth | undefined {
  const { client_auth: method, client_secret: secret, private_key: key, certificate, certificate_key } = entry
  const given = Object.entries({ client_secret: secret, private_key: key, certificate }).filter(([, value]) => value)
  if (given.length > 1) {
    report(
      `has ${given.map(([name]) => name).join(' and ')}: a client authenticates with exactly one of them; remove the others`,
    )
    return undefined
  }
  if ((certificate === undefined) !== (certificate_key === undefined)) {
    report('certificate and certificate_key must be set together')
    return undefined
  }
  if (given.length === 0) {
    if (method === undefined) return { method: 'none' }
    report(`client_auth ${method} needs a credential: set client_secret, private_key or certificate`)
    return undefined
  }
  if (secret !== undefined) {
    if (method === undefined || method === 'client_secret_basic' || method === 'client_secret_post') {
      return { method: method ?? 'client_secret_basic', secret: secretPlace(secret, folder) }
    }
    report(`client_auth ${method} cannot use client_secret; use client_secret_basic or client_secret_post`)
    return undefined
  }
  const fitting = key === undefined ? 'tls_client_auth' : 'private_key_jwt'
  if (method !== undefined && method !== fitting) {
    report(`client_auth ${method} cannot use ${key === undefined ? 'certificate' : 'private_key'}; use ${fitting}`)
    return undefined
  }
  return key === undefined
    ? { method: 'tls_client_auth', certFile: resolve(folder, certificate!), key: secretPlace(certificate_key!, folder) }
    : { method: 'private_key_jwt', key: secretPlace(key, folder) }
}

/** Resolves a reference to a secret. A relative file path starts at `folder`. */
export function secretPlace({ env, file }: SecretReference, folder: string): SecretPlace {
  return env === undefined ? { file: resolve(folder, file!) } : { env }
}
