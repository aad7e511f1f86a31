import { GatewayFault } from '../base/fault.ts'
import type { GrantClient } from '../issuers/grant-client.ts'
import type { ClientGrant } from '../oauth/client-grant.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import { GrantFailure, type GrantRequester } from './grant-requester.ts'
import type { GrantToken } from './grant-store.ts'

/**
 * Maximum number of exchanges of one node that wait for the token of one grant. Exchanges without an authenticated
 * caller use at most half of it, so that they do not crowd out users.
 */
const WAITING_MAX = 1024
/**
 * Number of checks, one per second, in which a node without a token waits for Redis. Then, or for the first exchange,
 * the node requests its own token.
 */
const MISSES_MAX = 5
/** Shortest time between two orders to renew the same token, ms. */
const ORDER_EVERY_MS = 10_000

/**
 * Largest time by which the grant of a token may seem to lie in the future, ms. It covers the wait for a reply of
 * Redis.
 */
const SKEW_MS = 1000

/** Smallest age of a token that a service refused at which the token is renewed, ms. */
const REPLACE_AGE_MS = 30_000

export interface GrantHolderOptions {
  readonly grant: ClientGrant
  readonly client: GrantClient
  readonly requester: GrantRequester
  /** Orders the renewal of a token from a worker; `undefined` without workers. */
  readonly order: ((grant: ClientGrant, token: string) => void) | undefined
  /** Returns the wall clock, ms since the epoch. */
  readonly now: () => number
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Token of one grant on this node. Holds a valid token before exchanges need it, whenever the issuer allows it. */
export class GrantHolder {
  readonly grant: ClientGrant
  readonly client: GrantClient
  readonly #options: GrantHolderOptions
  #token: GrantToken | undefined
  #taking: Promise<GrantToken> | undefined
  #failure: { readonly fault: GrantFailure; readonly untilMs: number } | undefined
  #waiting = 0
  #orderedMs = Number.NEGATIVE_INFINITY
  /** Number of consecutive checks without a token in which Redis was unavailable. */
  #misses = 0

  /** @param token  token of an older entry of the same grant */
  constructor(options: GrantHolderOptions, token: GrantToken | undefined) {
    this.#options = options
    this.grant = options.grant
    this.client = options.client
    this.#token = token
  }

  /** The newest token; it may have expired. `undefined` before the first one. */
  get token(): GrantToken | undefined {
    return this.#token
  }

  /** Reason of the last failed request; `undefined` when the last request succeeded. */
  get problem(): string | undefined {
    return this.#failure?.fault.message
  }

  /**
   * Returns the value of `Authorization` for an exchange: at once while the token is valid.
   *
   * @param known  whether the caller of the exchange is authenticated
   * @throws {GatewayFault} as a rejection, when there is no valid token and none can be obtained now
   */
  bearer(nowMs: number, known: boolean): string | Promise<string> {
    const token = this.#token
    return token !== undefined && nowMs < token.expiresAtMs ? token.bearer : this.#awaited(known)
  }

  /**
   * Renews the token when it is due. While a worker renews it, only looks for the new token in Redis. Requests a token
   * when the worker has not delivered one after a quarter of the remaining time, and when there is no valid token.
   */
  async renew(): Promise<void> {
    const token = this.#token
    const nowMs = this.#options.now()
    const valid = token !== undefined && nowMs < token.expiresAtMs
    if (valid && nowMs < token.renewAtMs) return
    const { grant, order, requester } = this.#options
    const restMs = valid ? token.expiresAtMs - token.renewAtMs : 0
    try {
      const newer = await requester.look(grant, token?.id ?? '')
      this.#misses = 0
      if (newer !== undefined) return this.#adopt(newer)
    } catch (error) {
      if (!(error instanceof RedisFault)) throw error
      // Redis may return soon, and with it the token of the cluster.
      if (valid ? nowMs < token.renewAtMs + restMs / 2 : ++this.#misses <= MISSES_MAX) return
    }
    if (valid && order !== undefined && nowMs < token.renewAtMs + restMs / 4) {
      if (nowMs - this.#orderedMs < ORDER_EVERY_MS) return
      this.#orderedMs = nowMs
      order(grant, token.id)
      return
    }
    await this.#attempt()
  }

  /**
   * Returns a newer value than the one that a service refused; `undefined` when none exists. A token that is younger
   * than 30 s is not renewed, so that a service that refuses every token causes at most one request to the issuer in 30 s.
   */
  async newer(refused: string): Promise<string | undefined> {
    const { grant, requester, now } = this.#options
    const token = this.#token
    if (token === undefined) return undefined
    if (token.bearer !== refused) return token.bearer
    try {
      const newer = await requester.look(grant, token.id)
      if (newer !== undefined) this.#adopt(newer)
      else if (isOld(token, now())) await this.#take()
    } catch (error) {
      if (!(error instanceof GrantFailure || error instanceof RedisFault)) throw error
    }
    return this.#token === token ? undefined : this.#token?.bearer
  }

  /** Waits for the running request for a token. */
  async settled(): Promise<void> {
    await this.#taking?.catch(() => {})
  }

  async #awaited(known: boolean): Promise<string> {
    if (this.#waiting >= (known ? WAITING_MAX : WAITING_MAX / 2)) {
      throw new GatewayFault(
        'upstream-credential-unavailable',
        'node',
        "too many requests wait for the gate's token for this service",
      )
    }
    this.#waiting++
    try {
      return (await this.#take()).bearer
    } finally {
      this.#waiting--
    }
  }

  async #attempt(): Promise<void> {
    try {
      await this.#take()
    } catch (error) {
      // `#take` logs a failure and reports it to the exchanges that wait, so nothing is done here.
      if (!(error instanceof GrantFailure)) throw error
    }
  }

  /** Obtains a token. All callers share one request, and for a while its failure. */
  #take(): Promise<GrantToken> {
    const { now } = this.#options
    const failure = this.#failure
    if (failure !== undefined && now() < failure.untilMs) return Promise.reject(failure.fault)
    this.#taking ??= this.#request().finally(() => {
      this.#taking = undefined
    })
    return this.#taking
  }

  async #request(): Promise<GrantToken> {
    const { grant, client, requester, now, log } = this.#options
    const subject = { issuer: grant.rules.name, client: grant.clientId }
    try {
      const token = await requester.take(grant, client, this.#token?.id ?? '')
      if (this.#failure !== undefined) log('info', 'the gate can obtain its token for services again', subject)
      this.#adopt(token)
      return token
    } catch (error) {
      if (error instanceof GrantFailure) {
        if (this.#failure === undefined) {
          log('warn', 'the gate cannot obtain its token for services; a token in use stays valid until it expires', {
            ...subject,
            problem: error.message,
            ...(this.#token && { expires_at: new Date(this.#token.expiresAtMs).toISOString() }),
          })
        }
        this.#failure = { fault: error, untilMs: now() + error.retryMs }
      }
      throw error
    }
  }

  #adopt(token: GrantToken): void {
    this.#token = token
    this.#failure = undefined
    this.#orderedMs = Number.NEGATIVE_INFINITY
  }
}

/**
 * Whether a token that a service refused is renewed. A token that was granted in the future is: the clock of this process
 * was set back, so that the token may have expired. A token is due for renewal after two thirds of its lifetime.
 */
function isOld({ expiresAtMs, renewAtMs }: GrantToken, nowMs: number): boolean {
  const grantedMs = expiresAtMs - 3 * (expiresAtMs - renewAtMs)
  return nowMs - grantedMs >= REPLACE_AGE_MS || nowMs < grantedMs - SKEW_MS
}
