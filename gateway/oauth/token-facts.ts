/** Where a secret is. Read when it is needed, never kept in rules. `file` is absolute. */
export type SecretPlace = { readonly env: string } | { readonly file: string }

/** How the gate shows an issuer who it is; `none`: as a public client it does not. */
export type ClientAuth =
  | { readonly method: 'none' }
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: SecretPlace }
  | { readonly method: 'private_key_jwt'; readonly key: SecretPlace }
  | { readonly method: 'tls_client_auth'; readonly certFile: string; readonly key: SecretPlace }

/** How an issuer is asked whether a token counts (RFC 7662). All times in ms. */
export interface IntrospectionRules {
  /** `undefined`: by discovery. */
  readonly endpoint: string | undefined
  readonly clientId: string
  readonly auth: ClientAuth
  /** `jwt`: only answers that the issuer has signed are believed (RFC 9701). */
  readonly response: 'json' | 'jwt'
  /** So long an active answer counts. */
  readonly cacheMs: number
  /** So long an inactive one does. */
  readonly negativeCacheMs: number
  /** So much longer the last answer counts while the issuer cannot be asked, on routes that do not say otherwise. */
  readonly staleMs: number
  /** The longest that any route says: for so much longer than it counts an answer is kept. */
  readonly keepStaleMs: number
  readonly timeoutMs: number
  readonly concurrency: number
  readonly ratePerS: number
}

/** How long a login session lives: without use, and at all; ms. */
export interface SessionLifetime {
  readonly idleMs: number
  readonly absoluteMs: number
}

/** How browsers log in at an issuer (RFC 6749 §4.1, OpenID Connect Core §3.1). */
export interface LoginRules {
  readonly clientId: string
  /** Its redirect URIs end in the issuer's name, or (one issuer at most) are the plain callback paths. */
  readonly redirect: 'plain' | 'issuer'
  readonly auth: ClientAuth
  readonly scopes: readonly string[]
  /** RFC 8707. `undefined`: the issuer's default. */
  readonly resource: string | undefined
  readonly prompt: string | undefined
  /** Claims of the ID token that its subject's pages may read. */
  readonly sessionClaims: readonly string[]
  readonly lifetime: SessionLifetime
  readonly timeoutMs: number
}

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
  /** Of JWTs; answers to a question are read by the names of RFC 7662 §2.2. */
  readonly scopeClaim: string
  /** Whether the scopes may be an array of strings beside the string of RFC 8693 §4.2. */
  readonly scopeArray: boolean
  /** Of JWTs. `undefined`: `client_id`, else `azp`. */
  readonly clientClaim: string | undefined
  /** Where the key set is. `undefined`: by discovery (OpenID Connect Discovery §4, RFC 8414 §3). */
  readonly jwksUri: string | undefined
  /** How long the last good key set is used while the issuer cannot be reached, ms. */
  readonly keysStaleMs: number
  readonly tokens: 'jwt' | 'opaque' | 'any'
  /** `undefined`: the issuer is never asked about a token. */
  readonly introspection: IntrospectionRules | undefined
  /** `undefined`: nobody can log in there. */
  readonly login: LoginRules | undefined
  /** So long a JWT counts until the issuer is asked about it again, ms. `undefined`: it is never asked. */
  readonly recheckMs: number | undefined
}

/** What a route says about asking issuers. */
export interface IntrospectionTerms {
  /**
   * Issuers of the service whose tokens may be opaque, in its order; they are all asked about such a token. The same
   * array wherever they are the same in one policy.
   */
  readonly asked: readonly IssuerRules[]
  /** So much longer than it counts the last answer does while its issuer cannot be asked, ms; else the issuer's. */
  readonly staleMs: number | undefined
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

/** How the lines of the audit log and the access log say something; empty until it is first said. */
export interface LogTexts {
  audit: string
  access: string
}

export function neverSaid(): LogTexts {
  return { audit: '', access: '' }
}

/**
 * How long facts count by what the issuer said when it was asked; ms since the epoch. Moves on in place when it says the
 * same again, so that what derives from the facts lives on.
 */
export interface Standing {
  /** What of the token its issuer was asked about: all, or only whether it still counts. */
  readonly form: 'opaque' | 'jwt'
  /** The issuers of which exactly one said that the opaque token is theirs. */
  readonly asked: readonly IssuerRules[]
  /** When the issuer was asked. -Infinity: it never was. */
  askedMs: number
  /** From then on the issuer has to be asked again. Infinity: it never is. */
  untilMs: number
  /** From then on whoever uses the token looks after it, so that no request has to wait at `untilMs`. */
  lookMs: number
  /** While the issuer cannot be asked: not before then again. 0: it could be asked the last time. */
  retryMs: number
  /** Somebody has been told to ask again before `untilMs`. */
  refreshing: boolean
}

/** Of tokens about which no issuer is asked. */
export const standsForGood: Standing = Object.freeze({
  form: 'jwt',
  asked: Object.freeze([]),
  askedMs: Number.NEGATIVE_INFINITY,
  untilMs: Number.POSITIVE_INFINITY,
  lookMs: Number.POSITIVE_INFINITY,
  retryMs: 0,
  refreshing: false,
})

/**
 * What a credential verifiably says, whoever asks. Shared between routes; decisions never are.
 *
 * Identities are pairs with their issuer: `subject` of two issuers are two people (CONTRACT: (iss, sub)).
 */
export interface TokenFacts {
  readonly issuer: IssuerRules
  readonly key: KeyState
  readonly standing: Standing
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
  /** Who it is. Filled by the pipeline. */
  readonly texts: LogTexts
}
