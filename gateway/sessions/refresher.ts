import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { GatewayFault, ignoreOutage } from '../base/fault.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { UnusableTokens } from '../issuers/token-reply.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import type { JobLog } from '../queues/job-producer.ts'
import type { RefreshLock, RefreshLocks } from './refresh-locks.ts'
import { renewedClaims } from './renewed-claims.ts'
import type { Session, SessionTokens } from './session.ts'
import { isTooLarge } from './session-size.ts'

/**
 * Exchanges the refresh token of a session for new tokens at the issuer (RFC 6749 §6). Never retries, because the
 * issuer may already have processed the request.
 *
 * @returns `invalid_grant` when the issuer rejects the refresh token as invalid
 * @throws {GatewayFault} as a rejection, for every error other than an invalid refresh token
 */
export type TradeRefreshToken = (session: Session) => Promise<SessionTokens | UnusableTokens | 'invalid_grant'>

export interface RefresherDependencies {
  readonly locks: RefreshLocks
  readonly trade: TradeRefreshToken
  /** Ends a session on every node after the issuer rejected its refresh token. */
  readonly end: (session: Session) => Promise<unknown>
  readonly log: JobLog
  /** Duration of the lease of the refresh lock, ms. Default: 5 s. */
  readonly leaseMs?: number
}

/** Logged reason for ending a session whose refresh token the issuer refused. */
export const refreshRefused = 'the issuer refused the refresh token'

/** Number of session refreshes in this process, by outcome. */
export interface RefreshCounts {
  /** Number of session refreshes for which the issuer issued new tokens. */
  granted: number
  /** Number of session refreshes that were unnecessary, because another process had already refreshed the session. */
  taken: number
  /**
   * Number of session refreshes after which the session was ended, because the issuer rejected the refresh or issued
   * unusable tokens.
   */
  refused: number
  /**
   * Number of session refreshes that failed because of the issuer, Redis or another process that refreshed the session.
   */
  failed: number
}

const LEASE_MS = 5000
/**
 * Maximum time for which the lock of a refresh is renewed, ms, so that a hung process loses the lock. Longer than the
 * timeout of a request to an issuer.
 */
const LOCK_MAX_MS = 60_000
/** Maximum time that a request waits while another process refreshes the session, ms. */
const PATIENCE_MS = 45_000
const POLL_MIN_MS = 15
const POLL_MAX_MS = 200
const UNAVAILABLE_MS = 1500
const REFUSED_MS = 10_000
/**
 * Time, in leases of the lock, for which no process retries a refresh whose previous lock holder did not finish and
 * whose refresh token the issuer rejected. The result of the previous holder can still arrive in Redis during this
 * time.
 */
const UNSETTLED_LEASES = 6
/** Maximum time for which storing new tokens in Redis is retried, ms. */
const STORE_MAX_MS = 5 * 60_000
const STORE_PAUSE_MS = 500

/**
 * Refreshes the tokens of sessions. Only one process of the cluster at a time sends the refresh request of a session.
 */
export class Refresher {
  readonly #dependencies: RefresherDependencies
  readonly #leaseMs: number
  readonly #task = new Supervisor('session-refresh')
  /** Refreshed tokens that are being written to Redis. @bound request */
  readonly #storing = new Set<Promise<void>>()
  readonly counts: RefreshCounts = { granted: 0, taken: 0, refused: 0, failed: 0 }

  constructor(dependencies: RefresherDependencies) {
    this.#dependencies = dependencies
    this.#leaseMs = dependencies.leaseMs ?? LEASE_MS
  }

  /**
   * Returns the session with refreshed tokens; `undefined` when the session has ended.
   *
   * @throws {GatewayFault} `refresh-unavailable` or `store-unavailable`, as a rejection
   */
  async refresh(session: Session): Promise<Session | undefined> {
    try {
      return await this.underLock(session, (lock) => this.#take(session, lock))
    } catch (error) {
      this.counts.failed++
      throw error
    }
  }

  /**
   * Waits until every refreshed session token whose first write to Redis failed is written, or its retries have ended
   * (after 5 min).
   */
  async settled(): Promise<void> {
    await Promise.all(this.#storing)
  }

  /**
   * Runs `work` while this process holds the refresh lock of the session. Waits for another process that holds it.
   *
   * @param work  returns the next version of the session, `undefined` when the session has ended, or `superseded` when
   *   another process has stored a version meanwhile
   * @returns the result of `work`, or a newer version that another process has stored
   * @throws {GatewayFault} `refresh-unavailable` or `store-unavailable`, as a rejection
   */
  async underLock(
    session: Session,
    work: (lock: RefreshLock) => Promise<Session | undefined | 'superseded'>,
  ): Promise<Session | undefined> {
    const deadline = performance.now() + PATIENCE_MS
    for (let pauseMs = POLL_MIN_MS; ; pauseMs = Math.min(pauseMs * 1.6, POLL_MAX_MS)) {
      const outcome = await this.#dependencies.locks.begin(session, this.#leaseMs)
      switch (outcome.kind) {
        case 'gone':
          return undefined
        case 'newer':
          this.counts.taken++
          return outcome.session
        case 'failed':
          if (outcome.why === 'refused') return undefined
          throw unavailable(`the previous attempt to refresh it failed: ${outcome.why}`)
        case 'acquired': {
          const next = await work(outcome)
          if (next !== 'superseded') return next
          break
        }
        case 'wait':
          // Poll instead of waiting for a message, which could be missed. Polling also acquires the lock of a process
          // that died.
          await sleep(Math.min(pauseMs, outcome.leftMs))
      }
      if (performance.now() > deadline)
        throw unavailable('another process refreshes this session and did not finish in time')
    }
  }

  async #take(session: Session, lock: RefreshLock): Promise<Session | undefined | 'superseded'> {
    const granted = await this.holding(session, lock, () => this.#dependencies.trade(session))
    if (granted === 'invalid_grant') return this.#refused(session, lock)
    if ('unusable' in granted) {
      this.#dependencies.log(
        'warn',
        'session ended: the issuer answered the refresh of the session with unusable tokens',
        {
          session: session.id,
          problem: granted.unusable,
        },
      )
      return this.#endSession(session)
    }
    if (granted.idToken !== undefined && !isOfPerson(granted.idToken, session)) {
      this.#dependencies.log(
        'warn',
        'session ended: the refreshed ID token does not name the issuer and user of the session',
        {
          session: session.id,
        },
      )
      return this.#endSession(session)
    }
    const next: Session = {
      ...session,
      ...claimsOf(granted.idToken, session),
      tokensAtS: Math.floor(Date.now() / 1000),
      version: session.version + 1,
      // Keep the session's refresh token, ID token and scope that the issuer does not send again (RFC 6749 §6).
      tokens: {
        ...granted,
        refreshToken: granted.refreshToken ?? session.tokens.refreshToken,
        refreshExpiresAtS: (granted.refreshToken === undefined ? session.tokens : granted).refreshExpiresAtS,
        idToken: granted.idToken ?? session.tokens.idToken,
        scope: granted.scope ?? session.tokens.scope,
      },
    }
    if (isTooLarge(next)) {
      this.#dependencies.log('warn', 'session ended: its new tokens are too large to store', { session: session.id })
      return this.#endSession(session)
    }
    this.counts.granted++
    return this.keep(next, lock)
  }

  /**
   * Sends a request for a session to the issuer, and renews the lock until the response.
   *
   * @throws {GatewayFault} when the issuer could not be reached, after the failure was recorded in Redis
   */
  async holding<T>(session: Session, lock: RefreshLock, send: () => Promise<T>): Promise<T> {
    const { locks } = this.#dependencies
    const stopAt = performance.now() + LOCK_MAX_MS
    const endRenewing = this.#task.repeat(this.#leaseMs / 3, () => {
      if (performance.now() > stopAt) endRenewing()
      else return ignoreOutage(locks.renew(session, lock, this.#leaseMs))
    })
    try {
      return await send()
    } catch (error) {
      await locks.fail(session, lock, 'unavailable', UNAVAILABLE_MS).catch(() => {})
      throw error instanceof GatewayFault ? unavailable(error.message) : error
    } finally {
      endRenewing()
    }
  }

  async #refused(session: Session, lock: RefreshLock): Promise<undefined | 'superseded'> {
    const why = lock.orphaned ? 'unsettled' : 'refused'
    const failed = await this.#dependencies.locks.fail(
      session,
      lock,
      why,
      lock.orphaned ? UNSETTLED_LEASES * this.#leaseMs : REFUSED_MS,
    )
    if (failed === 'superseded') return failed
    if (failed === 'gone') return undefined
    // Do not end the session: the previous holder of the lock may have used the refresh token, and its result may still
    // arrive in Redis.
    if (lock.orphaned)
      throw unavailable('the issuer rejected the refresh token; another process may have used it already')
    return this.#endSession(session)
  }

  async #endSession(session: Session): Promise<undefined> {
    this.counts.refused++
    await this.#dependencies.end(session)
    return undefined
  }

  /**
   * Stores the next version of a session and releases the lock. Retries in the background when Redis fails: new tokens
   * that are never stored are lost when this process ends, and the old refresh token is already used up.
   */
  async keep(next: Session, lock: RefreshLock): Promise<Session | undefined | 'superseded'> {
    try {
      const outcome = await this.#dependencies.locks.store(next, lock)
      if (outcome === 'superseded') return outcome
      return outcome === 'gone' ? undefined : next
    } catch {
      const storing = this.#task
        .attempt(() => this.#storeLater(next, lock))
        .then(() => void this.#storing.delete(storing))
      this.#storing.add(storing)
      return next
    }
  }

  async #storeLater(next: Session, lock: RefreshLock): Promise<void> {
    const giveUpAt = performance.now() + STORE_MAX_MS
    while (performance.now() < giveUpAt) {
      await sleep(STORE_PAUSE_MS, undefined, { ref: false })
      try {
        await this.#dependencies.locks.store(next, lock)
        return
      } catch {
        // Retry to store the session: Redis is still unavailable.
      }
    }
    this.#dependencies.log('warn', 'new tokens of a session are lost: Redis did not store them in time', {
      session: next.id,
    })
  }
}

/** Whether a refreshed ID token names the issuer and the subject of the session (OpenID Connect Core §12.2). */
function isOfPerson(idToken: string, { issuer, subject }: Session): boolean {
  const jws = readJws(idToken)
  return typeof jws !== 'string' && member(jws.claims, 'iss') === issuer && member(jws.claims, 'sub') === subject
}

/**
 * Returns the claims about the user in a refreshed ID token. Returns nothing without an ID token, or if this ID token
 * is not newer than the previous one: an issuer that sends the ID token of the login again does not state its claims
 * again.
 */
function claimsOf(idToken: string | undefined, session: Session): Pick<Session, 'claims' | 'claimsAtS'> | undefined {
  const stated = idToken === undefined ? undefined : claimsIn(idToken)
  if (stated === undefined) return undefined
  const before = session.tokens.idToken === undefined ? undefined : claimsIn(session.tokens.idToken)
  if (before !== undefined && !(issuedAtS(stated) > issuedAtS(before))) return undefined
  return { claims: renewedClaims(session, stated), claimsAtS: Math.floor(Date.now() / 1000) }
}

function claimsIn(idToken: string): JsonObject | undefined {
  const jws = readJws(idToken)
  return typeof jws === 'string' ? undefined : jws.claims
}

function issuedAtS(claims: JsonObject): number {
  return Number(member(claims, 'iat') ?? 0)
}

function unavailable(why: string): GatewayFault {
  return new GatewayFault('refresh-unavailable', 'issuer', `a session cannot be refreshed: ${why}`)
}
