import { createPrivateKey, type JsonWebKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ConfigError, nowhere, problem } from '../config/problem.ts'
import { type Environment, readSecret } from '../config/secret.ts'
import type { ClientAuth, SecretPlace } from '../oauth/token-facts.ts'

/** Secrets with which the gate authenticates to an issuer as a client. */
export type ClientCredentials =
  | { readonly method: 'none' }
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: string }
  | { readonly method: 'private_key_jwt'; readonly key: ClientKey }
  | { readonly method: 'tls_client_auth'; readonly cert: string; readonly key: string }

/** Place in the policy of the settings with which the gate is a client of an issuer. */
export interface ClientPlace {
  /** Name of the issuer in the policy. */
  readonly issuer: string
  readonly part: 'introspection' | 'login'
}

export interface ClientKey {
  readonly key: KeyObject
  readonly algorithm: string
  readonly keyId: string | undefined
}

const MIN_RSA_BITS = 2048

/**
 * Reads the current content of the secrets that `auth` references. Files can be replaced while the gate runs.
 *
 * @throws {ConfigError} that names the problem and contains no secret
 */
export function readCredentials(
  auth: ClientAuth,
  place: ClientPlace,
  env: Environment = process.env,
): ClientCredentials {
  const secretAt = (key: string, at: SecretPlace): string => {
    const { secret, failure } = readSecret(at, env, '.')
    if (secret === undefined) throw unfit(place, key, failure!)
    return secret
  }
  switch (auth.method) {
    case 'none':
      return auth
    case 'client_secret_basic':
    case 'client_secret_post':
      return { method: auth.method, secret: secretAt('client_secret', auth.secret) }
    case 'private_key_jwt': {
      const key = readClientKey(secretAt('private_key', auth.key))
      if (typeof key === 'string') throw unfit(place, 'private_key', key)
      return { method: auth.method, key }
    }
    case 'tls_client_auth':
      return readCertificate(place, auth, secretAt('certificate_key', auth.key))
  }
}

function readCertificate(
  place: ClientPlace,
  { certFile }: Extract<ClientAuth, { method: 'tls_client_auth' }>,
  key: string,
): ClientCredentials {
  let fits: boolean
  let cert: string
  try {
    cert = readFileSync(certFile, 'utf8')
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch (error) {
    const { code = 'not a certificate and a private key in PEM' } = error as NodeJS.ErrnoException
    throw unfit(
      place,
      'certificate',
      `${certFile} cannot be read (${code}); expected a certificate and its private key in PEM`,
    )
  }
  if (!fits)
    throw unfit(
      place,
      'certificate',
      `${certFile} does not match certificate_key; name the certificate of this private key`,
    )
  return { method: 'tls_client_auth', cert, key }
}

/** Parses the private key for client assertions. @returns the key, or a message that describes the error in the key */
function readClientKey(text: string): ClientKey | string {
  const form = 'is not a private key as JWK or in PEM (PKCS #8)'
  let key: KeyObject
  let said: { alg?: unknown; kid?: unknown } = {}
  try {
    if (text.trimStart().startsWith('{')) {
      said = JSON.parse(text) as typeof said
      key = createPrivateKey({ key: said as JsonWebKey, format: 'jwk' })
    } else key = createPrivateKey(text)
  } catch {
    return form
  }
  const fitting = algorithmsOf(key)
  if (fitting.length === 0)
    return 'has an unsupported key type; use EC P-256 or P-384, RSA of at least 2048 bits, or Ed25519'
  const { alg = fitting[0], kid } = said
  if (!fitting.includes(alg as string)) return 'is a JWK whose alg does not match its key type'
  return { key, algorithm: alg as string, keyId: typeof kid === 'string' ? kid : undefined }
}

/** Returns the signature algorithms that a private key supports. The first one is the most widely supported. */
function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): readonly string[] {
  if (type === 'ed25519') return ['EdDSA', 'Ed25519']
  if (type === 'rsa') {
    return (details.modulusLength ?? 0) >= MIN_RSA_BITS ? ['RS256', 'PS256', 'RS384', 'RS512', 'PS384', 'PS512'] : []
  }
  if (type !== 'ec') return []
  if (details.namedCurve === 'prime256v1') return ['ES256']
  return details.namedCurve === 'secp384r1' ? ['ES384'] : []
}

function unfit({ issuer, part }: ClientPlace, key: string, message: string): ConfigError {
  return new ConfigError([problem('GH_CONFIG_SECRET', message, ['issuers', issuer, part, key], nowhere)])
}
