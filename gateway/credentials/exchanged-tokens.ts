import { type Denial, denial } from '../base/denial.ts'
import { GatewayFault } from '../base/fault.ts'
import type { Sealer } from '../base/sealer.ts'
import type { ExchangeClient } from '../issuers/exchange-client.ts'
import type { ExchangeClients } from '../issuers/exchange-clients.ts'
import { type ExchangeTerms, keepsActor } from '../oauth/exchange-terms.ts'
import { member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import type { Derived, TokenFacts } from '../oauth/token-facts.ts'
import { TokenRequestCounts } from '../telemetry/token-request-counts.ts'
import { ExchangeCache, type ExchangeEntry, isUsable } from './exchange-cache.ts'
import type { Renewals } from './renewals.ts'

/**
 * Result of a token exchange: the header field value with the exchanged token, or a denial when the issuer refuses the
 * exchange.
 */
export type Exchanged = string | Denial<'exchange-refused'>

/** Cached result of a token exchange. A fault is cached only when the issuer would reject the same request again. */
type Result = Exchanged | GatewayFault

/** The caller whose token is exchanged. */
export interface ExchangeSubject {
  /** The access token of the caller. */
  readonly credential: string
  readonly facts: TokenFacts
  readonly derived: Derived
  readonly nowMs: number
}

export interface ExchangedTokensDependencies {
  readonly clients: Pick<ExchangeClients, 'of'>
  /** Computes the keyed hashes under which exchanged tokens are cached. */
  readonly sealer: Sealer
  readonly renewals: Pick<Renewals, 'newer'>
}

/** Limits of the cache of exchanged tokens: number of tokens, and total size in bytes. */
const CACHE_LIMITS = { entriesMax: 32_768, bytesMax: 32 * 1024 * 1024 }
/**
 * Maximum number of running token exchanges whose result other requests with the same token share. Above this number,
 * each request starts its own exchange.
 */
const UNDER_WAY_MAX = 4096
/** Time for which a refusal to exchange a token is remembered, ms. */
const REFUSAL_MS = 5000
/**
 * Tolerance, in comparing the ages of exchanged tokens, for the difference between the clocks of two nodes, ms. A token
 * of another node counts as older only if it is older by more than this.
 */
const SKEW_MAX_MS = 5000
/**
 * The last part of a token's lifetime in which the gate does not send the token, because it could expire on the way: a
 * tenth of the lifetime, at most this time, ms.
 */
const MARGIN_MAX_MS = 10_000

interface LastUse {
  readonly terms: ExchangeTerms
  readonly actorToken: string
  readonly entry: ExchangeEntry<Result>
}

const refusal = denial('exchange-refused')

/**
 * Exchanges the tokens of callers for tokens for one service (RFC 8693), and caches the exchanged tokens on this node.
 * Concurrent requests with the same token and exchange parameters share one exchange. The cache contains no decisions:
 * each request is authorized before the exchange, and its token is validated again after the wait.
 */
export class ExchangedTokens {
  readonly counts = new TokenRequestCounts('exchange')
  readonly #dependencies: ExchangedTokensDependencies
  /**
   * Exchanged tokens and refused exchanges, by a keyed hash of the token and the parameters.
   *
   * @bound 32,768 entries and 32 MiB | the oldest unused entry is dropped | none
   */
  readonly #cache = new ExchangeCache<Result>(CACHE_LIMITS)
  /**
   * Token exchanges in progress, whose results requests with the same token share.
   *
   * @bound {@link UNDER_WAY_MAX} exchanges | a further exchange is not shared | none
   */
  readonly #underWay = new Map<string, Promise<Exchanged>>()
  /**
   * For each token and service: the entry of the exchange cache that the last request used. Most requests then need no
   * hash to find the entry.
   */
  readonly #last = new WeakMap<Derived, LastUse>()

  constructor(dependencies: ExchangedTokensDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Returns the exchanged token of a caller: at once from the cache, else after the exchange.
   *
   * @throws {GatewayFault} as a rejection: `exchange-misconfigured` or `issuer-unreachable`
   */
  obtain(terms: ExchangeTerms, subject: ExchangeSubject): Exchanged | Promise<Exchanged> {
    const client = this.#dependencies.clients.of(terms)
    const { actorToken } = client
    const last = this.#last.get(subject.derived)
    if (last?.terms === terms && last.actorToken === actorToken && isUsable(last.entry, subject.nowMs)) {
      return used(last.entry)
    }
    const key = this.#keyOf(terms, subject.credential, actorToken)
    const entry = this.#cache.find(key, subject.nowMs)
    if (entry === undefined) return this.#shared(key, terms, subject, client)
    this.#last.set(subject.derived, { terms, actorToken, entry })
    return used(entry)
  }

  /**
   * Returns an exchanged token that is newer than the token that the service refused; `undefined` when no newer token
   * exists. For each caller's token, the nodes of the cluster together start at most one such exchange in 30 s.
   */
  async newer(terms: ExchangeTerms, subject: ExchangeSubject, refused: string): Promise<string | undefined> {
    const client = this.#dependencies.clients.of(terms)
    const key = this.#keyOf(terms, subject.credential, client.actorToken)
    const entry = this.#cache.find(key, subject.nowMs)
    if (typeof entry?.result === 'string' && entry.result !== refused) return entry.result
    const renewed = await this.#dependencies.renewals.newer(key, refused, client.patienceMs, async () => {
      const value = await this.#shared(key, terms, subject, client)
      const entry = this.#cache.find(key, Date.now())
      return entry === undefined || entry.result !== value || typeof value !== 'string'
        ? undefined
        : { value, sinceMs: entry.sinceMs, untilMs: entry.untilMs }
    })
    // Ignore the token of a renewal in the last 30 s that is older than the refused token: the renewed token may have
    // expired, and the refused token was exchanged after it.
    if (renewed === undefined || Date.now() >= renewed.untilMs) return undefined
    if (entry !== undefined && renewed.sinceMs + SKEW_MAX_MS < entry.sinceMs) return undefined
    const { value, ...times } = renewed
    if (this.#cache.find(key, times.sinceMs)?.result !== value)
      this.#cache.add(key, value, { ...times, bytes: value.length })
    return value
  }

  /**
   * Returns a keyed hash of all parameters that determine the exchanged token or the time for which the gate reuses it.
   */
  #keyOf(
    { issuer, clientId, audience, resource, scopes, requestedType, actor, maxLifetimeMs }: ExchangeTerms,
    token: string,
    actorToken: string,
  ): string {
    const lists = JSON.stringify([audience, resource, scopes, requestedType, actor?.type, maxLifetimeMs])
    return this.#dependencies.sealer.nameOf('token-exchange', issuer.issuer, clientId, lists, actorToken, token)
  }

  #shared(key: string, terms: ExchangeTerms, subject: ExchangeSubject, client: ExchangeClient): Promise<Exchanged> {
    const running = this.#underWay.get(key)
    if (running !== undefined) return running
    const exchange = this.counts.counted(
      terms.issuer.name,
      this.#exchange(key, terms, subject, client),
      (exchanged) => typeof exchanged === 'string',
    )
    if (this.#underWay.size >= UNDER_WAY_MAX) return exchange
    const ended = exchange.finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, ended)
    return ended
  }

  async #exchange(
    key: string,
    terms: ExchangeTerms,
    subject: ExchangeSubject,
    client: ExchangeClient,
  ): Promise<Exchanged> {
    const { facts } = subject
    // Queue by this key instead of a client address: waiting token exchanges are then served in rotation by subject:
    // one subject with many requests does not delay others.
    const asker = { kind: 'first', address: `${facts.issuer.issuer} ${facts.subject}`, known: true } as const
    const sinceMs = Date.now()
    const granted = await client.exchange(subject.credential, asker).catch((error: unknown) => {
      throw this.#rejected(key, sinceMs, error)
    })
    if ('refused' in granted) {
      this.#cache.add(key, refusal, { sinceMs, untilMs: sinceMs + REFUSAL_MS, bytes: 0 })
      return refusal
    }
    const { token, expiresAtMs } = granted
    if (dropsActor(facts, token)) {
      const why = 'the exchanged token does not name the actor (act) of the subject token (RFC 8693 §4.1)'
      throw this.#rejected(key, sinceMs, client.misconfigured(why))
    }
    const value = `Bearer ${token}`
    this.#cache.add(key, value, { sinceMs, untilMs: untilOf(terms, sinceMs, expiresAtMs), bytes: value.length })
    return value
  }

  /**
   * Caches a fault of a token exchange for `REFUSAL_MS` if the issuer would reject the same request again, and returns
   * the error.
   */
  #rejected(key: string, sinceMs: number, error: unknown): unknown {
    if (error instanceof GatewayFault && error.reason === 'exchange-misconfigured') {
      this.#cache.add(key, error, { sinceMs, untilMs: sinceMs + REFUSAL_MS, bytes: 0 })
    }
    return error
  }
}

/** Returns the token of a usable cache entry, or throws it when it is a fault. Marks the entry as used. */
function used(entry: ExchangeEntry<Result>): Exchanged {
  entry.used = true
  const result = entry.result!
  if (result instanceof GatewayFault) throw result
  return result
}

/** Returns the time until which the gate sends an exchanged token, ms since the epoch. */
function untilOf({ maxLifetimeMs }: ExchangeTerms, sinceMs: number, expiresAtMs: number | undefined): number {
  const longestMs = sinceMs + maxLifetimeMs
  if (expiresAtMs === undefined) return longestMs
  return Math.min(longestMs, expiresAtMs - Math.min(MARGIN_MAX_MS, (expiresAtMs - sinceMs) / 10))
}

function dropsActor({ claims }: TokenFacts, token: string): boolean {
  if (member(claims, 'act') === undefined) return false
  const jws = readJws(token)
  // Accept an opaque exchanged token: the gate cannot read its claims.
  return typeof jws !== 'string' && !keepsActor(claims, jws.claims)
}
