/**
 * Kinds of certificates, secrets, keys and tokens that expire at a known time, with a description for the
 * documentation.
 */
export const expiryKinds = {
  certificate: 'certificate of the listener (`tls.certificates`), by its first name',
  'client-ca': 'certificate authority of client certificates (`tls.client.ca`)',
  'revocation-list': 'revocation list of client certificates (`tls.client.crl`), by its file: its next update',
  'client-certificate':
    'client certificate that the gate presents to a service (`upstream_tls`), an issuer, Redis or an audit sink',
  'upstream-ca': 'certificate authority that the gate trusts for a service (`upstream_tls.ca`), Redis or an audit sink',
  'upstream-certificate': 'certificate that an upstream presented in its latest full TLS handshake with this node',
  'issuer-keys': 'keys of an issuer that cannot be fetched at present: tokens get 503 after `keys_stale`',
  secret: 'secret with a stated end (`expires`), by its place in the settings or the policy',
  key: 'key of `keys` with a stated end (`expires`) or a maximum age (`keys.max_age`), by its list and id',
  'refresh-token': 'refresh token of a session in the memory of this node, the earliest of each issuer that states it',
} as const satisfies Record<string, string>

export type ExpiryKind = keyof typeof expiryKinds

/**
 * Kinds of expiring things that are renewed without an operator. The gate lists their expiry, but does not warn about
 * it.
 */
export const routineKinds: ReadonlySet<ExpiryKind> = new Set<ExpiryKind>(['refresh-token', 'revocation-list'])

/** A certificate, secret, key or token that ends at a known time. */
export interface Expiry {
  readonly kind: ExpiryKind
  /**
   * Name of the expiring thing for operators, unique within its kind. A name of the policy, the settings or a
   * certificate; never a secret.
   */
  readonly name: string
  /** Time of the expiry, ms since the Unix epoch. */
  readonly expiresAtMs: number
}

/**
 * A component that knows when certificates, secrets or keys expire. Each read of the list asks every source, so that no
 * expiry time is stored twice.
 */
export interface ExpirySource {
  expiries(): Iterable<Expiry>
}

/**
 * Latest time that `Date` can express, ms since the Unix epoch. An expiry after this time, which an issuer could state,
 * is not listed.
 */
const LATEST_MS = 8.64e15

/** The certificates, secrets and keys of a process that end at a known time, read from their sources at each call. */
export class Expiries {
  /** Sources of certificates, secrets and keys with a known end. @bound code */
  readonly #sources: ExpirySource[] = []

  add(...sources: readonly ExpirySource[]): void {
    this.#sources.push(...sources)
  }

  /**
   * Returns one expiry for each kind and name, the earliest end first. Of equal names, the earliest end is returned.
   */
  list(): Expiry[] {
    const found = new Map<string, Expiry>()
    for (const source of this.#sources) {
      for (const expiry of source.expiries()) {
        if (!(expiry.expiresAtMs <= LATEST_MS)) continue
        const key = expiryKey(expiry)
        const other = found.get(key)
        if (other === undefined || expiry.expiresAtMs < other.expiresAtMs) found.set(key, expiry)
      }
    }
    return [...found.values()].sort((a, b) => a.expiresAtMs - b.expiresAtMs || (expiryKey(a) < expiryKey(b) ? -1 : 1))
  }
}

export function expiryKey({ kind, name }: Pick<Expiry, 'kind' | 'name'>): string {
  return `${kind} ${name}`
}
