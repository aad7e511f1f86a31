/** How tokens of one issuer are judged: the compiled form of an entry under `issuers` of the policy. */
export interface IssuerRules {
  /** The key under `issuers` in the policy, used in logs and metrics. */
  readonly name: string
  /** The issuer identifier, compared with `iss` byte for byte (RFC 8414 §2). */
  readonly issuer: string
  /** A token must name one of these in `aud` (RFC 9068 §4). */
  readonly audience: ReadonlySet<string>
  /** JWS algorithms that the issuer is trusted for. Never symmetric ones. */
  readonly algorithms: ReadonlySet<string>
  /** `at+jwt`: `typ` must say so (RFC 9068 §2.1). `any`: anything but what is known to be no access token. */
  readonly profile: 'at+jwt' | 'any'
  readonly clockToleranceS: number
  readonly maxTokenLifetimeS: number
  /** Whether `scope` may be an array of strings beside the string of RFC 8693 §4.2. */
  readonly scopeArray: boolean
  /** Where the key set is. `undefined`: by discovery (OpenID Connect Discovery §4, RFC 8414 §3). */
  readonly jwksUri: string | undefined
  /** How long the last good key set is used while the issuer cannot be reached, ms. */
  readonly keysStaleMs: number
}

/** What one service of one snapshot makes of a token. Derived once, dies with the facts. */
export interface Derived {
  /** The compiled service that this belongs to, compared by identity: a new snapshot has new services. */
  readonly service: object
  readonly roles: ReadonlySet<string>
  /** The windows of limits that the token is counted in, one entry a route; bounded. Filled by the pipeline. */
  readonly limited: object[]
  /** The identity assertion for the service; empty until it is first needed. */
  assertion: string
  /** From then on a new assertion is made, ms since the epoch. */
  assertionRenewAtMs: number
}

/** A key that verified a token. `live` becomes false when the issuer no longer publishes it. */
export interface KeyState {
  readonly live: boolean
}

/** What the check of revocations remembers about a token, so that nothing is looked up twice. */
export interface RevocationMemo {
  /** Keyed hashes of all by which the token can be named; `undefined` until first looked up. */
  hashes: Uint32Array | undefined
  /** The keys that they were made with, compared by identity. */
  hashedWith: object | undefined
  /** Nothing was found while the replica had changed this often. */
  seen: number
  /** Never false again. */
  revoked: boolean
}

export function neverLookedUp(): RevocationMemo {
  return { hashes: undefined, hashedWith: undefined, seen: 0, revoked: false }
}

/**
 * What a credential verifiably says, whoever asks. Shared between routes; decisions never are.
 *
 * Identities are pairs with their issuer: `subject` of two issuers are two people (CONTRACT: (iss, sub)).
 */
export interface TokenFacts {
  readonly issuer: IssuerRules
  readonly key: KeyState
  /** `sub`, or the client where the token has none. */
  readonly subject: string
  /** `client_id`, else `azp`; `undefined` where the token names no client. */
  readonly client: string | undefined
  readonly audience: readonly string[]
  readonly scopes: ReadonlySet<string>
  /** Seconds since the epoch, as the token says. */
  readonly issuedAtS: number | undefined
  readonly expiresAtS: number
  readonly tokenId: string | undefined
  readonly sessionId: string | undefined
  readonly acr: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
  /** One entry a service that the token was used for, newest last; bounded. */
  readonly derived: Derived[]
  readonly revocation: RevocationMemo
}
