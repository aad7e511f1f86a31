import type { SecretPlace } from '../base/secret.ts'
import type { Confirmation } from './confirmation.ts'

/** Client authentication of the gate at an issuer; `none` for a public client. */
export type ClientAuth =
  | { readonly method: 'none' }
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: SecretPlace }
  | { readonly method: 'private_key_jwt'; readonly key: SecretPlace }
  | { readonly method: 'tls_client_auth'; readonly certFile: string; readonly key: SecretPlace }

/** Settings of token introspection at an issuer (RFC 7662). All times are in ms. */
export interface IntrospectionRules {
  /** URL of the introspection endpoint; `undefined`: taken from the metadata of the issuer. */
  readonly endpoint: string | undefined
  readonly clientId: string
  readonly auth: ClientAuth
  /** `jwt`: only responses signed by the issuer are accepted (RFC 9701). */
  readonly response: 'json' | 'jwt'
  /** Maximum time for which the introspection response of an active token is reused, ms. */
  readonly cacheMs: number
  /** Maximum time for which the introspection response of an inactive token is reused, ms. */
  readonly negativeCacheMs: number
  /**
   * Additional time for which the last introspection response is used while the issuer is unavailable, ms. A route can
   * override this value.
   */
  readonly staleMs: number
  /**
   * Maximum of `staleMs` and the values of all routes. The cache keeps introspection responses for this additional
   * time, ms.
   */
  readonly keepStaleMs: number
  readonly timeoutMs: number
  readonly concurrency: number
  readonly ratePerS: number
}

/** Maximum duration of a login session, ms: `idleMs` without use and `absoluteMs` in total. */
export interface SessionLifetime {
  readonly idleMs: number
  readonly absoluteMs: number
}

/** Settings of browser logins at an issuer (RFC 6749 §4.1, OpenID Connect Core §3.1). */
export interface LoginRules {
  readonly clientId: string
  /**
   * Form of the redirect URI. `issuer`: the callback path ends in the issuer's name. `plain`: the callback path has no
   * name; allowed for at most one issuer.
   */
  readonly redirect: 'plain' | 'issuer'
  /**
   * Name of the host at which browsers log in for the hosts of `returnTo`; `undefined`: browsers log in at the host
   * that they request.
   */
  readonly host: string | undefined
  /** Hosts that share the login at `host`: names, or `*.` and a name. Empty without `host`. */
  readonly returnTo: readonly string[]
  readonly auth: ClientAuth
  readonly scopes: readonly string[]
  /** Resource indicator (RFC 8707) of the login. `undefined`: the default of the issuer applies. */
  readonly resource: string | undefined
  readonly prompt: string | undefined
  /** Additional parameters of authorization requests. */
  readonly parameters: Readonly<Record<string, string>>
  /** Names of the ID token claims that pages of the same origin can read. */
  readonly sessionClaims: readonly string[]
  /** Claim by which ID token and access token must name the same user. `undefined`: `sub`. */
  readonly subjectClaim: string | undefined
  /** Maximum age of the identity claims of a session, ms. */
  readonly claimsMaxAgeMs: number
  readonly lifetime: SessionLifetime
  readonly timeoutMs: number
}

/** Validation rules for the tokens of one issuer: the compiled form of an entry under `issuers` in the policy. */
export interface IssuerRules {
  /** The key under `issuers` in the policy, used in logs and metrics. */
  readonly name: string
  /** Issuer identifier, compared with `iss` byte for byte (RFC 8414 §2). */
  readonly issuer: string
  /** Accepted audiences: a token must name at least one in `aud` (RFC 9068 §4). */
  readonly audience: ReadonlySet<string>
  /** JWS algorithms that are accepted from the issuer; never symmetric ones. */
  readonly algorithms: ReadonlySet<string>
  /**
   * `at+jwt`: `typ` must have this value (RFC 9068 §2.1). `any`: a token is accepted unless it is known to be of
   * another kind.
   */
  readonly profile: 'at+jwt' | 'any'
  readonly clockToleranceS: number
  readonly maxTokenLifetimeS: number
  /** Name of the scope claim in the issuer's JWTs. Introspection responses use the names of RFC 7662 §2.2. */
  readonly scopeClaim: string
  /** Whether the scope claim can also be an array of strings, in addition to the string of RFC 8693 §4.2. */
  readonly scopeArray: boolean
  /** Name of the client claim in the issuer's JWTs. `undefined`: `client_id`, else `azp`. */
  readonly clientClaim: string | undefined
  /** URL of the key set. `undefined`: found by discovery (OpenID Connect Discovery §4, RFC 8414 §3). */
  readonly jwksUri: string | undefined
  /** Maximum time for which the last valid key set is used while the issuer is unavailable, ms. */
  readonly keysStaleMs: number
  readonly tokens: 'jwt' | 'opaque' | 'any'
  /** Introspection settings of the issuer; `undefined`: tokens of this issuer are never introspected. */
  readonly introspection: IntrospectionRules | undefined
  /** Login settings of the issuer; `undefined`: users cannot log in at this issuer. */
  readonly login: LoginRules | undefined
  /** Time after which a JWT is introspected again, ms. `undefined`: JWTs are never introspected. */
  readonly recheckMs: number | undefined
}

/** Token introspection settings of a route. */
export interface IntrospectionTerms {
  /**
   * Issuers of the service whose tokens may be opaque, in the service's order. Each of these issuers introspects an
   * opaque token. Within one policy, equal lists are the same array.
   */
  readonly asked: readonly IssuerRules[]
  /**
   * Additional time for which the last introspection response is used while its issuer is unavailable, ms. `undefined`:
   * the issuer's `staleMs`.
   */
  readonly staleMs: number | undefined
}

/**
 * Data derived from a token for one service of one policy snapshot. Derived once, and dropped together with the token
 * facts.
 */
export interface Derived {
  /**
   * The compiled service for which the facts were derived. Compared with `===`: each new snapshot has new service
   * objects, so facts of an old policy are not used.
   */
  readonly service: object
  readonly roles: ReadonlySet<string>
  /**
   * Rate-limit windows in which the token is counted, one entry per route. The pipeline fills this list; its length is
   * limited.
   */
  readonly limited: object[]
  /** Signed identity assertion for the service; empty until it is first needed. */
  assertion: string
  /** Time at which the identity assertion must be renewed, ms since the epoch. */
  assertionRenewAtMs: number
}

/** A key that verified a token. `live` becomes false when the issuer no longer publishes the key. */
export interface KeyState {
  readonly live: boolean
}

/** Result of the revocation check of one token, cached to avoid repeated lookups. */
export interface RevocationMemo {
  /** Keyed hashes of all identifiers of the token; `undefined` until the first lookup. */
  hashes: Uint32Array | undefined
  /** The hash key that produced `hashes`, compared by identity. */
  hashedWith: object | undefined
  /** Change count of the node's revocation replica at the last lookup that found no revocation. */
  seen: number
  /** True once the token is revoked; never becomes false again. */
  revoked: boolean
}

export function noRevocationLookup(): RevocationMemo {
  return { hashes: undefined, hashedWith: undefined, seen: 0, revoked: false }
}

/** Text fragments about a token for the audit log and the access log; empty until first needed. */
export interface LogTexts {
  audit: string
  access: string
}

export function noTexts(): LogTexts {
  return { audit: '', access: '' }
}

/**
 * Validity of token facts according to the issuer's last introspection response. Times are ms since the epoch. Updated
 * in place when a new response is equal, so that data derived from the facts stays valid.
 */
export interface IntrospectionState {
  /**
   * `opaque`: the issuer supplied all facts of the token. `jwt`: the issuer only confirmed that the token is still
   * active.
   */
  readonly form: 'opaque' | 'jwt'
  /** Issuers that introspected an opaque token. Exactly one of them reported the token as active. */
  readonly asked: readonly IssuerRules[]
  /** Time of the last introspection, ms since the epoch; -Infinity if there was none. */
  askedMs: number
  /**
   * Time from which the token must be introspected again before its next use, ms since the epoch; Infinity if never.
   */
  untilMs: number
  /**
   * Time from which a request that uses the token starts a new introspection in the background, ms since the epoch. No
   * request then has to wait at `untilMs`.
   */
  lookMs: number
  /**
   * Earliest time of the next introspection attempt while the issuer is unavailable, ms since the epoch; 0 when the
   * last attempt succeeded.
   */
  retryMs: number
  /** True once a background introspection ahead of `untilMs` has been requested. */
  refreshing: boolean
}

/** Introspection state of tokens that are never introspected: valid until the token expires. */
export const neverIntrospected: IntrospectionState = Object.freeze({
  form: 'jwt',
  asked: Object.freeze([]),
  askedMs: Number.NEGATIVE_INFINITY,
  untilMs: Number.POSITIVE_INFINITY,
  lookMs: Number.POSITIVE_INFINITY,
  retryMs: 0,
  refreshing: false,
})

/**
 * Token facts: the verified contents of a credential, independent of the request. Routes share the facts of a token,
 * but decide about each request separately.
 * A subject is identified by the pair (`iss`, `sub`): equal `subject` values of two issuers are two different subjects.
 */
export interface TokenFacts {
  readonly issuer: IssuerRules
  readonly key: KeyState
  readonly introspection: IntrospectionState
  /** The `sub` claim; the client when the token has no `sub`. */
  readonly subject: string
  /** The client claim of the issuer, by default `client_id`, else `azp`; `undefined` when the token names no client. */
  readonly client: string | undefined
  readonly audience: readonly string[]
  readonly scopes: ReadonlySet<string>
  /** Times of the token: `issuedAtS` and `expiresAtS` are `iat` and `exp` of the token, s since the epoch. */
  readonly issuedAtS: number | undefined
  readonly expiresAtS: number
  readonly tokenId: string | undefined
  readonly sessionId: string | undefined
  readonly acr: string | undefined
  /** The key to which the token is bound; `undefined` for a bearer token. */
  readonly confirmation: Confirmation | undefined
  readonly claims: Readonly<Record<string, unknown>>
  /**
   * Data derived from the token: one entry for each service that received the token, newest last. The number of entries
   * is limited.
   */
  readonly derived: Derived[]
  readonly revocation: RevocationMemo
  /** Log texts that name the subject and the client of the token. The pipeline fills these texts. */
  readonly texts: LogTexts
}
