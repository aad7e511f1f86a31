import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { GatewayFault, ignoreOutage } from '../base/fault.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { UnusableTokens } from '../issuers/token-reply.ts'
import { member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import type { JobLog } from '../queues/job-producer.ts'
import type { RefreshTurn, RefreshTurns } from './refresh-turns.ts'
import type { Session, SessionTokens } from './session.ts'
import { isTooLarge } from './session-size.ts'

/**
 * Has the issuer trade the refresh token of a session (RFC 6749 §6), once: what was sent may have been acted upon.
 *
 * @returns `invalid_grant` when the issuer says that the token does not count
 * @throws {GatewayFault} as a rejection, for all that says nothing about the token
 */
export type TradeRefreshToken = (session: Session) => Promise<SessionTokens | UnusableTokens | 'invalid_grant'>

export interface RefresherParts {
  readonly turns: RefreshTurns
  readonly trade: TradeRefreshToken
  /** Ends a session on every node whose refresh token the issuer has refused. */
  readonly end: (session: Session) => Promise<unknown>
  readonly log: JobLog
  /** Default 5 s. */
  readonly leaseMs?: number
}

/** Why such a session is ended, for the log. */
export const refreshRefused = 'the issuer refused the refresh token'

/** How refreshes ended in this process. */
export interface RefreshCounts {
  /** The issuer gave tokens. */
  granted: number
  /** Somebody else had got them. */
  taken: number
  /** The issuer refused, and the session was ended. */
  refused: number
  /** The issuer, or Redis, did not do its part. */
  failed: number
}

const LEASE_MS = 5000
/** A process that hangs must not keep the turn for ever; no issuer is waited for that long. */
const TURN_MAX_MS = 60_000
/** Longest that a request waits for who has the turn. */
const PATIENCE_MS = 45_000
const POLL_MIN_MS = 15
const POLL_MAX_MS = 200
const UNAVAILABLE_MS = 1500
const REFUSED_MS = 10_000
/** So many leases long the late answer of one who had the turn before may still come. */
const UNSETTLED_LEASES = 6
/** New tokens that Redis does not take are offered again and again, for so long. */
const STORE_MAX_MS = 5 * 60_000
const STORE_PAUSE_MS = 500

/** Gets new tokens for sessions, once for each in the whole cluster however many want them. */
export class Refresher {
  readonly #parts: RefresherParts
  readonly #leaseMs: number
  readonly #task = new Supervisor('session-refresh')
  readonly #storing = new Set<Promise<void>>()
  readonly counts: RefreshCounts = { granted: 0, taken: 0, refused: 0, failed: 0 }

  constructor(parts: RefresherParts) {
    this.#parts = parts
    this.#leaseMs = parts.leaseMs ?? LEASE_MS
  }

  /**
   * The session with newer tokens than it has. `undefined`: it is over.
   *
   * @throws {GatewayFault} `refresh-unavailable` or `store-unavailable`, as a rejection
   */
  async refresh(session: Session): Promise<Session | undefined> {
    try {
      return await this.#refresh(session)
    } catch (error) {
      this.counts.failed++
      throw error
    }
  }

  /** When all new tokens are stored that Redis did not take at once. */
  async settled(): Promise<void> {
    await Promise.all(this.#storing)
  }

  async #refresh(session: Session): Promise<Session | undefined> {
    const deadline = performance.now() + PATIENCE_MS
    for (let pauseMs = POLL_MIN_MS; ; pauseMs = Math.min(pauseMs * 1.6, POLL_MAX_MS)) {
      const begun = await this.#parts.turns.begin(session, this.#leaseMs)
      switch (begun.kind) {
        case 'gone':
          return undefined
        case 'newer':
          this.counts.taken++
          return begun.session
        case 'failed':
          if (begun.why === 'refused') return undefined
          throw unavailable(`failed a moment ago: ${begun.why}`)
        case 'yours': {
          const next = await this.#take(session, begun)
          if (next !== 'superseded') return next
          break
        }
        case 'wait':
          // Polling is also how the turn is taken over from one who died: no message can be lost.
          await sleep(Math.min(pauseMs, begun.leftMs))
      }
      if (performance.now() > deadline) throw unavailable('somebody else is at it, and takes too long')
    }
  }

  async #take(session: Session, turn: RefreshTurn): Promise<Session | undefined | 'superseded'> {
    const granted = await this.#ask(session, turn)
    if (granted === 'invalid_grant') return this.#refused(session, turn)
    if ('unusable' in granted) {
      this.#parts.log('warn', 'session ended: the issuer refreshed it with tokens that it cannot use', {
        session: session.id,
        problem: granted.unusable,
      })
      return this.#over(session)
    }
    if (granted.idToken !== undefined && !isOfPerson(granted.idToken, session)) {
      this.#parts.log('warn', 'the issuer refreshed a session with the ID token of another one', {
        session: session.id,
      })
      return this.#over(session)
    }
    const next: Session = {
      ...session,
      version: session.version + 1,
      // What the issuer does not send anew stays (RFC 6749 §6).
      tokens: {
        ...granted,
        refreshToken: granted.refreshToken ?? session.tokens.refreshToken,
        idToken: granted.idToken ?? session.tokens.idToken,
        scope: granted.scope ?? session.tokens.scope,
      },
    }
    if (isTooLarge(next)) {
      this.#parts.log('warn', 'tokens of a session are too large to be kept', { session: session.id })
      return this.#over(session)
    }
    this.counts.granted++
    return this.#store(next, turn)
  }

  /** @throws {GatewayFault} after it has been noted that the issuer could not be asked */
  async #ask(session: Session, turn: RefreshTurn): Promise<Awaited<ReturnType<TradeRefreshToken>>> {
    const { turns, trade } = this.#parts
    const stopAt = performance.now() + TURN_MAX_MS
    const endRenewing = this.#task.repeat(this.#leaseMs / 3, () => {
      if (performance.now() > stopAt) endRenewing()
      else return ignoreOutage(turns.renew(session, turn, this.#leaseMs))
    })
    try {
      return await trade(session)
    } catch (error) {
      await turns.fail(session, turn, 'unavailable', UNAVAILABLE_MS).catch(() => {})
      throw error instanceof GatewayFault ? unavailable(error.message) : error
    } finally {
      endRenewing()
    }
  }

  async #refused(session: Session, turn: RefreshTurn): Promise<undefined | 'superseded'> {
    const why = turn.orphaned ? 'unsettled' : 'refused'
    const noted = await this.#parts.turns.fail(
      session,
      turn,
      why,
      turn.orphaned ? UNSETTLED_LEASES * this.#leaseMs : REFUSED_MS,
    )
    if (noted === 'superseded') return noted
    if (noted === 'gone') return undefined
    // Whoever had the turn before may have spent the token, and his answer may be on its way.
    if (turn.orphaned) throw unavailable('the refresh token was refused, and may have been traded by another process')
    return this.#over(session)
  }

  async #over(session: Session): Promise<undefined> {
    this.counts.refused++
    await this.#parts.end(session)
    return undefined
  }

  /** Tokens that are not stored are lost with this process, and the old ones are spent: Redis is not given up on. */
  async #store(next: Session, turn: RefreshTurn): Promise<Session | undefined | 'superseded'> {
    try {
      const outcome = await this.#parts.turns.store(next, turn)
      if (outcome === 'superseded') return outcome
      return outcome === 'gone' ? undefined : next
    } catch {
      const storing = this.#task
        .attempt(() => this.#storeLater(next, turn))
        .then(() => void this.#storing.delete(storing))
      this.#storing.add(storing)
      return next
    }
  }

  async #storeLater(next: Session, turn: RefreshTurn): Promise<void> {
    const giveUpAt = performance.now() + STORE_MAX_MS
    while (performance.now() < giveUpAt) {
      await sleep(STORE_PAUSE_MS, undefined, { ref: false })
      try {
        await this.#parts.turns.store(next, turn)
        return
      } catch {
        // Not there yet.
      }
    }
    this.#parts.log('warn', 'new tokens of a session could not be stored', { session: next.id })
  }
}

/** OpenID Connect Core §12.2: a refresh is for the one who logged in. */
function isOfPerson(idToken: string, { issuer, subject }: Session): boolean {
  const jws = readJws(idToken)
  return typeof jws !== 'string' && member(jws.claims, 'iss') === issuer && member(jws.claims, 'sub') === subject
}

function unavailable(why: string): GatewayFault {
  return new GatewayFault('refresh-unavailable', 'issuer', `a session cannot be refreshed: ${why}`)
}
