import { GatewayFault } from '../base/fault.ts'
import type { GrantClient } from '../issuers/grant-client.ts'
import type { ClientGrant } from '../oauth/client-grant.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import { GrantFailure, type GrantRequester } from './grant-requester.ts'
import type { GrantToken } from './grant-store.ts'

/**
 * Maximum number of exchanges of one node that wait for the token of one grant. Exchanges without an authenticated
 * caller may take at most half of these places, so that authenticated callers always find a place.
 */
const WAITING_MAX = 1024
/**
 * Number of checks for tokens due for renewal, one per second, for which a node without a token waits until Redis is
 * available. After these checks, or at once when an exchange needs a token, the node requests its own token.
 */
const MISSES_MAX = 5
/** Shortest time between two renewal jobs that this node queues for the same token, ms. */
const ORDER_EVERY_MS = 10_000

/**
 * A token may seem to be granted up to this time in the future, ms, because of the wait for a reply of Redis. A later
 * time shows that the clock of this process was set back.
 */
const SKEW_MS = 1000

/** Smallest age at which a token that a service refused is renewed, ms. */
const REPLACE_AGE_MS = 30_000

export interface GrantHolderOptions {
  readonly grant: ClientGrant
  readonly client: GrantClient
  readonly requester: GrantRequester
  /** Queues a job by which a worker renews a token; `undefined` on a node without Redis, where the node renews it. */
  readonly order: ((grant: ClientGrant, token: string) => void) | undefined
  /** Returns the wall clock, ms since the epoch. */
  readonly now: () => number
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void
}

/**
 * Token of one client credentials grant on this node. Requests and renews the token in advance, so that exchanges do
 * not wait for the issuer while it is available.
 */
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

  /** @param token token that is already known, from an earlier policy with the same grant */
  constructor(options: GrantHolderOptions, token: GrantToken | undefined) {
    this.#options = options
    this.grant = options.grant
    this.client = options.client
    this.#token = token
  }

  /** The newest token of the grant, which may have expired; `undefined` before the first token. */
  get token(): GrantToken | undefined {
    return this.#token
  }

  /** Reason why the last request for this grant's token failed; `undefined` when it succeeded. */
  get problem(): string | undefined {
    return this.#failure?.fault.message
  }

  /**
   * Returns the value of `Authorization` for an exchange: at once while the token is valid.
   *
   * @param known  whether the caller of the exchange is authenticated
   * @throws {GatewayFault} as a rejection, when the node has no valid token and cannot obtain one now
   */
  bearer(nowMs: number, known: boolean): string | Promise<string> {
    const token = this.#token
    return token !== undefined && nowMs < token.expiresAtMs ? token.bearer : this.#awaited(known)
  }

  /**
   * Renews the token when it is due for renewal. First looks for a newer token in Redis, then lets a worker renew it.
   * This node requests the token itself in three cases: the worker has delivered no token after a quarter of the
   * remaining lifetime, the node uses no workers, or the node has no valid token.
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
      // Wait before this node requests a token: Redis may be available again soon and have a newer token of the
      // cluster.
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
   * Returns a newer value of `Authorization` than the value that a service refused; `undefined` when no newer token
   * exists. A token that is younger than 30 s is not renewed, so that a service that refuses every token causes at most
   * one request to the issuer in 30 s.
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

  /** Waits until the running request for the grant's token has ended. Returns at once when none runs. */
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
      // Ignore the failed token request here: `#take` has already logged it and reported it to the waiting exchanges.
      if (!(error instanceof GrantFailure)) throw error
    }
  }

  /**
   * Obtains a token for the grant. Concurrent callers share one request. After a failure, callers get the same failure
   * for its `retryMs`.
   */
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
 * Whether a token that a service refused must be renewed: it is at least `REPLACE_AGE_MS` old, or seems to be granted
 * in the future. In the latter case the clock of this process was set back, so the token may have expired. The time of
 * the grant follows from `renewAtMs`, which is after two thirds of the lifetime.
 */
function isOld({ expiresAtMs, renewAtMs }: GrantToken, nowMs: number): boolean {
  const grantedMs = expiresAtMs - 3 * (expiresAtMs - renewAtMs)
  return nowMs - grantedMs >= REPLACE_AGE_MS || nowMs < grantedMs - SKEW_MS
}
