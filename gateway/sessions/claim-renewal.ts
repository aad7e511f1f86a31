import type { JobLog } from '../queues/job-producer.ts'
import type { RefreshLock } from './refresh-locks.ts'
import type { Refresher } from './refresher.ts'
import { renewedClaims } from './renewed-claims.ts'
import type { Session } from './session.ts'
import { isTooLarge } from './session-size.ts'

/**
 * Asks the issuer for the current claims about the user of a session.
 *
 * @returns `none`, with the reason for the log, when the issuer gives no claims
 * @throws {GatewayFault} as a rejection, when the issuer is unavailable
 */
export type AskClaims = (
  session: Session,
) => Promise<{ readonly claims: Readonly<Record<string, unknown>> } | { readonly none: string }>

/** Minimum time between two UserInfo requests for a session to which the issuer gives no claims, s. */
const REFUSED_S = 60

/**
 * Whether claims are older than the maximum age. `statedAtS` is the time at which the issuer stated them, s since the
 * epoch.
 */
export function areClaimsOld(
  session: Pick<Session, 'createdAtS' | 'claimsAtS'>,
  maxAgeMs: number,
  nowMs: number,
): boolean {
  return nowMs >= (session.claimsAtS ?? session.createdAtS) * 1000 + maxAgeMs
}

/** Whether the access token was issued longer than the maximum age of claims ago. */
export function areTokensOld(
  session: Pick<Session, 'createdAtS' | 'tokensAtS'>,
  maxAgeMs: number,
  nowMs: number,
): boolean {
  return nowMs >= (session.tokensAtS ?? session.createdAtS) * 1000 + maxAgeMs
}

/** Whether the issuer gave no claims for the session less than a minute ago. The issuer is then not asked again yet. */
export function areClaimsRefused({ claimsRefusedAtS }: Pick<Session, 'claimsRefusedAtS'>, nowMs: number): boolean {
  return claimsRefusedAtS !== undefined && nowMs < (claimsRefusedAtS + REFUSED_S) * 1000
}

/**
 * Renews the claims of sessions at the UserInfo endpoint of the issuer. Holds the lock of the session's refresh
 * meanwhile.
 */
export class ClaimRenewal {
  readonly #refresher: Refresher
  readonly #ask: AskClaims
  readonly #log: JobLog

  constructor(refresher: Refresher, ask: AskClaims, log: JobLog) {
    this.#refresher = refresher
    this.#ask = ask
    this.#log = log
  }

  /**
   * Returns the session with renewed claims, or a version that another process has stored meanwhile; `undefined` when
   * the session has ended. If the issuer gives no claims, or claims that are too large to store, the session keeps its
   * claims, and no process asks again for a minute.
   *
   * @throws {GatewayFault} `refresh-unavailable` or `store-unavailable`, as a rejection
   */
  renew(session: Session): Promise<Session | undefined> {
    return this.#refresher.underLock(session, (lock) => this.#renew(session, lock))
  }

  async #renew(session: Session, lock: RefreshLock): Promise<Session | undefined | 'superseded'> {
    const asked = await this.#refresher.holding(session, lock, () => this.#ask(session))
    const nowS = Math.floor(Date.now() / 1000)
    const { claimsRefusedAtS: _, ...rest } = session
    const version = session.version + 1
    if ('claims' in asked) {
      const next: Session = { ...rest, version, claims: renewedClaims(session, asked.claims), claimsAtS: nowS }
      if (!isTooLarge(next)) return this.#refresher.keep(next, lock)
    }
    this.#log(
      'warn',
      'the claims about the user were not renewed; claims older than login.claims_max_age are not used',
      {
        session: session.id,
        problem: 'none' in asked ? asked.none : 'the claims are too large to store',
      },
    )
    return this.#refresher.keep({ ...rest, version, claimsRefusedAtS: nowS }, lock)
  }
}
