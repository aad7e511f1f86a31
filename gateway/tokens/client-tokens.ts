import { GatewayFault } from '../base/fault.ts'
import type { ClientReason } from '../base/reasons.ts'
import type { Sealer } from '../base/sealer.ts'
import { clientProof } from '../issuers/client-proof.ts'
import type { GrantError } from '../issuers/grant-reply.ts'
import { type Asker, rechecks } from '../issuers/question-queue.ts'
import type { TokenEndpoint } from '../issuers/token-endpoint.ts'
import type { TokenEndpoints } from '../issuers/token-endpoints.ts'
import type { BasicCredentials } from '../oauth/basic-credentials.ts'
import { type BasicTerms, clientTokenForm } from '../oauth/basic-terms.ts'
import type { TokenFacts } from '../oauth/token-facts.ts'
import { TokenRequestCounts } from '../telemetry/token-request-counts.ts'
import { Refusals } from './refusals.ts'

/**
 * The client id and secret that a caller presents, and the `basic` entry of its route. This object exists for one
 * request only.
 */
export interface BasicClient extends BasicCredentials {
  readonly terms: BasicTerms
  /** Keyed hash of client id, secret, issuer, scopes and resources, under which the token is cached. */
  readonly key: string
}

/** The token that the issuer granted to a caller, or why the caller is refused. */
export type ClientToken = HeldToken | ClientReason

/** A token that an issuer granted to the client id and secret of a caller. */
export interface HeldToken {
  /** The token; `''` once the token must no longer be used. */
  token: string
  readonly sinceMs: number
  /** Time from which the token is no longer used, ms since the epoch. */
  readonly untilMs: number
  /** Facts of the token; `undefined` until the token is verified. */
  facts: TokenFacts | undefined
}

export interface ClientTokensDependencies {
  readonly endpoints: Pick<TokenEndpoints, 'of'>
  /** Computes the keyed hashes under which tokens are cached. */
  readonly sealer: Sealer
}

/** Maximum time for which a token is cached for a client id and secret, ms: 5 minutes. */
const KEEP_MS = 5 * 60_000
/** Time for which a refusal, or a token that the gate cannot use, is cached for a client id and secret, ms. */
const REFUSAL_MS = 5000
/** Minimum age of a revoked token before the issuer is asked for another token, ms. */
const REVOKED_MS = 30_000
/** Maximum number of clients whose tokens are cached. Above it, the token that was used longest ago is dropped. */
const CLIENTS_MAX = 8192
/** Maximum number of running requests that other requests of the same client can share. */
const UNDER_WAY_MAX = 4096

/**
 * Error codes of an issuer that reject the client id or its secret. An issuer that sends no error code rejects them
 * with the status 401.
 */
const wrongSecret: ReadonlySet<string> = new Set(['invalid_client', 'invalid_grant', 'status 401'])
/** Error codes of an issuer for a client that is authenticated, but may not have the requested token. */
const notAllowed: ReadonlySet<string> = new Set([
  'unauthorized_client',
  'invalid_scope',
  'invalid_target',
  'access_denied',
  'status 403',
])

/**
 * Exchanges the client id and secret of callers for access tokens (RFC 6749 §4.4), which are then validated like every
 * other token. Tokens are cached on this node under a keyed hash, for at most 5 minutes and never past their expiry.
 * Refusals have a separate cache, so that invented secrets cannot evict tokens.
 */
export class ClientTokens {
  readonly counts = new TokenRequestCounts('client')
  readonly #dependencies: ClientTokensDependencies
  /**
   * Tokens by a keyed hash of client id and secret.
   *
   * @bound {@link CLIENTS_MAX} clients | the least recently used is dropped | none
   */
  readonly #tokens = new Map<string, HeldToken>()
  /** Refused client ids and secrets, by their keyed hash. @bound 8,192 refusals | the oldest is dropped | none */
  readonly #refusals = new Refusals<ClientReason | GatewayFault>()
  /**
   * Token requests in progress, which requests with the same secret share.
   *
   * @bound {@link UNDER_WAY_MAX} clients | a further token request is not shared | none
   */
  readonly #underWay = new Map<string, Promise<ClientToken>>()
  /**
   * Token endpoints that have granted a token before. The authentication of the gate itself at such an endpoint is
   * therefore correct.
   */
  readonly #working = new WeakSet<TokenEndpoint>()

  constructor(dependencies: ClientTokensDependencies) {
    this.#dependencies = dependencies
  }

  clientOf(terms: BasicTerms, { id, secret }: BasicCredentials): BasicClient {
    return { id, secret, terms, key: this.#dependencies.sealer.nameOf('basic', terms.tokenId, id, secret) }
  }

  /**
   * Returns the cached token or the cached refusal of a client, without a call to the issuer.
   *
   * @throws {GatewayFault} `exchange-misconfigured`, if the last request for this client failed with this fault
   */
  find({ key }: BasicClient, nowMs: number): ClientToken | undefined {
    const held = this.#tokens.get(key)
    if (held === undefined) {
      const refusal = this.#refusals.find(key)
      if (refusal instanceof GatewayFault) throw refusal
      return refusal
    }
    if (held.token === '' || nowMs >= held.untilMs || nowMs < held.sinceMs) return undefined
    if (held.facts?.revocation.revoked === true && nowMs - held.sinceMs >= REVOKED_MS) return undefined
    this.#tokens.delete(key)
    this.#tokens.set(key, held)
    return held
  }

  /** Whether the issuer has granted a token to this id and secret, and has not refused them since. */
  knows({ key }: BasicClient): boolean {
    return this.#tokens.has(key)
  }

  /**
   * Requests a token for a client at the issuer. Concurrent requests of one client share one call.
   *
   * @param asker  client address that caused the call; it determines the order in which waiting requests are sent
   * @throws {GatewayFault} as a rejection: `issuer-unreachable` when the issuer neither grants nor refuses,
   *   `exchange-misconfigured` when it rejects the request of the gate, or its token cannot be used
   */
  request(client: BasicClient, asker: Asker): Promise<ClientToken> {
    const running = this.#underWay.get(client.key)
    if (running !== undefined) return running
    const request = this.counts.counted(
      client.terms.issuer.name,
      this.#request(client, asker),
      (granted) => typeof granted !== 'string',
    )
    if (this.#underWay.size >= UNDER_WAY_MAX) return request
    const ended = request.finally(() => this.#underWay.delete(client.key))
    this.#underWay.set(client.key, ended)
    return ended
  }

  async #request({ terms, key, id, secret }: BasicClient, asker: Asker): Promise<ClientToken> {
    const endpoint = this.#dependencies.endpoints.of(terms.issuer)
    const sinceMs = Date.now()
    // Give this call priority: the issuer has accepted this id and secret before, so the client did not invent the
    // secret.
    const who = this.#tokens.has(key) ? rechecks : asker
    const proof = () => clientProof({ method: terms.auth, secret }, id, terms.issuer.issuer)
    const grant = await endpoint.request(clientTokenForm(terms), proof, who)
    if ('unusable' in grant) throw this.#misconfigured(key, terms, grant.unusable)
    if ('error' in grant) return this.#refused(key, terms, this.#reasonOf(grant, endpoint), grant)
    this.#working.add(endpoint)
    const untilMs = Math.min(sinceMs + KEEP_MS, grant.expiresAtMs ?? Number.POSITIVE_INFINITY)
    const held: HeldToken = { token: grant.token, sinceMs, untilMs, facts: undefined }
    this.#keep(key, held)
    return held
  }

  /**
   * Drops a granted token that the gate rejects, for example because of its audience. From now on, the client loses its
   * priority over other clients.
   *
   * @returns the fault for the request, which is also cached
   */
  rejected({ key, terms }: BasicClient, token: HeldToken, reason: string): GatewayFault {
    token.token = ''
    return this.#misconfigured(key, terms, `the granted token is rejected (${reason})`)
  }

  /**
   * Caches the fault of a token request that fails because of the entry in the policy. A client that repeats the
   * request then causes no call to the issuer.
   */
  #misconfigured(key: string, { issuer, path }: BasicTerms, why: string): GatewayFault {
    const message = `token request for a client at issuer ${issuer.name} failed: ${why}; check ${path.join('.')} in the policy`
    const fault = new GatewayFault('exchange-misconfigured', 'issuer', message)
    this.#tokens.delete(key)
    this.#refusals.add(key, fault, REFUSAL_MS)
    return fault
  }

  #reasonOf({ error }: GrantError, endpoint: TokenEndpoint): ClientReason | undefined {
    if (wrongSecret.has(error)) return 'client-refused'
    if (notAllowed.has(error)) return 'client-not-granted'
    // Treat an invalid request as a refusal of the client: some issuers report this error for a client that must not
    // use the grant type.
    return error === 'invalid_request' && this.#working.has(endpoint) ? 'client-not-granted' : undefined
  }

  #refused(
    key: string,
    terms: BasicTerms,
    reason: ClientReason | undefined,
    { error, description }: GrantError,
  ): ClientReason {
    this.#tokens.delete(key)
    if (reason === undefined) {
      throw this.#misconfigured(key, terms, description === undefined ? error : `${error}: ${description}`)
    }
    this.#refusals.add(key, reason, REFUSAL_MS)
    return reason
  }

  #keep(key: string, held: HeldToken): void {
    this.#tokens.delete(key)
    this.#tokens.set(key, held)
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= CLIENTS_MAX) break
      this.#tokens.delete(oldest)
    }
  }
}
