import { createPrivateKey, type JsonWebKey, type KeyObject, X509Certificate } from 'node:crypto'
import { Rotating } from '../base/rotating.ts'
import { type Secret, type SecretPlace, secretSource } from '../base/secret.ts'
import { ConfigError, type DocumentPath, nowhere, problem } from '../config/problem.ts'
import type { Secrets } from '../config/secrets.ts'
import type { ClientAuth } from '../oauth/token-facts.ts'

/** The method and the secrets with which the gate authenticates to an issuer as an OAuth client. */
export type ClientCredentials =
  | { readonly method: 'none' }
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: string }
  | { readonly method: 'private_key_jwt'; readonly key: ClientKey }
  | { readonly method: 'tls_client_auth'; readonly cert: string; readonly key: string }

/**
 * The entry of the policy that contains the client settings of the gate at an issuer. Names of secrets and error
 * messages contain it.
 */
export interface ClientPlace {
  /** Path of the client's entry in the policy, such as `issuers`, `corp`, `login`. */
  readonly path: DocumentPath
  /** Purpose of the client secrets, for operators, such as `login at issuer corp`. */
  readonly usedBy: string
}

export interface ClientKey {
  readonly key: KeyObject
  readonly algorithm: string
  readonly keyId: string | undefined
}

const MIN_RSA_BITS = 2048

/**
 * The credentials with which the gate authenticates to an issuer as a client. When a secret changes, the gate presents
 * the newest credentials first, and the previous credentials if the issuer refuses the newest.
 */
export class ClientAuthentication {
  readonly #secrets: readonly Secret[]
  readonly #credentials: Rotating<ClientCredentials>

  /** @throws {ConfigError} that names the problem and contains no secret */
  constructor(auth: ClientAuth, place: ClientPlace, secrets: Secrets) {
    const opened: Secret[] = []
    const open = (key: string, at: SecretPlace, check?: (text: string) => string | undefined): Secret => {
      const secret = secrets.open(at, { path: [...place.path, key], usedBy: place.usedBy, check })
      opened.push(secret)
      return secret
    }
    try {
      const read = readerOf(auth, place, open)
      this.#credentials = new Rotating(read())
      for (const secret of opened) secret.changed(() => this.#replace(read))
    } catch (error) {
      for (const secret of opened) secret.close()
      throw error
    }
    this.#secrets = opened
  }

  /** Credentials for the next call to the issuer. Pass the same object to {@link refused} if the issuer refuses it. */
  get presented(): ClientCredentials {
    return this.#credentials.presented
  }

  /**
   * Records that the issuer refused these credentials. First reads the secrets again, because they may have changed; at
   * most once a second.
   *
   * @returns true when `presented` is now another object, so that the call can be repeated once
   */
  refused(shown: ClientCredentials): boolean {
    this.refresh()
    return this.#credentials.refused(shown)
  }

  /** Reads the client secrets again, at most once a second. */
  refresh(): void {
    for (const secret of this.#secrets) secret.refresh()
  }

  close(): void {
    for (const secret of this.#secrets) secret.close()
  }

  #replace(read: () => ClientCredentials): void {
    try {
      this.#credentials.replace(read())
    } catch (error) {
      // Keep the current credentials while the new ones are incomplete. A certificate and its key are replaced one
      // after the other, so after the first of the two changes they may not belong together.
      if (!(error instanceof ConfigError)) throw error
    }
  }
}

type OpenClientSecret = (key: string, at: SecretPlace, check?: (text: string) => string | undefined) => Secret

/**
 * Opens the secrets of `auth`. Returns a function that makes credentials from the values that the secrets have at the
 * time of the call.
 */
function readerOf(auth: ClientAuth, place: ClientPlace, open: OpenClientSecret): () => ClientCredentials {
  switch (auth.method) {
    case 'none':
      return () => auth
    case 'client_secret_basic':
    case 'client_secret_post': {
      const secret = open('client_secret', auth.secret)
      return () => ({ method: auth.method, secret: secret.current })
    }
    case 'private_key_jwt': {
      const secret = open('private_key', auth.key, (text) => {
        const key = readClientKey(text)
        return typeof key === 'string' ? key : undefined
      })
      return () => ({ method: auth.method, key: readClientKey(secret.current) as ClientKey })
    }
    case 'tls_client_auth': {
      const key = open('certificate_key', auth.key)
      const cert = open('certificate', { file: auth.certFile }, certificateError)
      return () => certificateOf(place, auth, cert.current, key.current)
    }
  }
}

function certificateError(text: string): string | undefined {
  try {
    new X509Certificate(text)
    return undefined
  } catch {
    return 'is not a certificate in PEM'
  }
}

/**
 * Returns the credentials for a TLS client certificate and its key.
 *
 * @throws {ConfigError} when the key does not belong to the certificate
 */
function certificateOf(
  place: ClientPlace,
  { certFile, key: keyPlace }: Extract<ClientAuth, { method: 'tls_client_auth' }>,
  cert: string,
  key: string,
): ClientCredentials {
  let fits: boolean
  try {
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
  } catch {
    throw unfit(place, 'certificate_key', `${secretSource(keyPlace)} is not a private key in PEM`)
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

/** Returns the signature algorithms that a private key supports. The first algorithm is the most widely supported. */
function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): readonly string[] {
  if (type === 'ed25519') return ['EdDSA', 'Ed25519']
  if (type === 'rsa') {
    return (details.modulusLength ?? 0) >= MIN_RSA_BITS ? ['RS256', 'PS256', 'RS384', 'RS512', 'PS384', 'PS512'] : []
  }
  if (type !== 'ec') return []
  if (details.namedCurve === 'prime256v1') return ['ES256']
  return details.namedCurve === 'secp384r1' ? ['ES384'] : []
}

function unfit({ path }: ClientPlace, key: string, message: string): ConfigError {
  return new ConfigError([problem('GH_CONFIG_SECRET', message, [...path, key], nowhere)])
}
