import { type Denial, denial } from '../../base/denial.ts'
import { GatewayFault } from '../../base/fault.ts'
import type { Reason } from '../../base/reasons.ts'
import { isSameConfirmation } from '../../oauth/confirmation.ts'
import type { RevocationMemo } from '../../oauth/token-facts.ts'
import { certificateNotAllowed } from '../identity/certificate-credential.ts'
import { sessionEnded } from '../identity/session-credential.ts'
import { streamVerdict } from '../identity/stream-verdict.ts'
import { authenticate } from '../phases/authenticate.ts'
import { authorize } from '../phases/authorize.ts'
import { checkAddress } from '../phases/check-address.ts'
import { checkRevocation } from '../phases/check-revocation.ts'
import { checkUpgrade } from '../phases/check-upgrade.ts'
import { matchRoute } from '../phases/match-route.ts'
import { advance, faultReplies } from './driver.ts'
import type { Exchange, Recorded } from './exchange.ts'
import { SessionUse } from './session-use.ts'
import type { Step, Verdict } from './steps.ts'

/**
 * The phases that decide whether a request is admitted. While the request's stream continues, these phases run again.
 */
const placing: readonly Step[] = [matchRoute, checkUpgrade, checkAddress]
const deciding: readonly Step[] = [authenticate, checkRevocation, authorize]

/** Reasons for which a forwarded upload without a reply can be refused: the same reasons as for a new request. */
export const uploadReasons: readonly Reason[] = [...placing, ...deciding].flatMap(({ denies }) => denies)

/**
 * Minimum time between two early runs of the phases for a stream, ms. An early run begins before the credential must be
 * checked again.
 */
const AGAIN_MS = 1000
/** Time until the phases run again for a stream after a run that failed, ms. */
const RETRY_MS = 1000

const tooOld = denial('stream-max-age')
const undecided = denial('issuer-unreachable', { fields: [['retry-after', '1']] })

/**
 * A failed verification during a stream is not charged to the client's address: the gate began the verification, not a
 * request of the client.
 */
const uncharged = { exhausted: () => false, charge: () => {}, refund: () => {} }

/**
 * Decides whether the stream of an exchange is still allowed. Each verdict checks revocation, expiry and freshness. The
 * phases of a request run again when the policy has changed, when the key of the token was withdrawn, when its
 * introspection is due, and for the refresh of a login session.
 */
export class StreamAuthority {
  readonly #x: Recorded
  readonly #onDecided: () => void
  readonly #sessionUse: SessionUse | undefined
  /**
   * The exchange of the stream as the phases last admitted it: with the route of the policy that was in force at that
   * time, and with the facts of its credential at that time.
   */
  #current: Recorded
  /** True while the phases decide again about the stream. */
  #running = false
  /**
   * Denial by the last run of the phases; a denial with status 503 when a run failed for which the stream must pause.
   * `undefined` otherwise, for example when the run admitted the stream.
   */
  #denial: Denial | undefined
  /** Fault of the gate itself in the last run of the phases for the stream. */
  #fault: unknown
  /** Earliest time of the next early run of the phases, ms since the Unix epoch. */
  #againMs = 0
  #lookups: readonly RevocationMemo[]

  /** @param onDecided  called when phases that had to wait have decided; the caller then checks the stream again */
  constructor(x: Recorded, onDecided: () => void) {
    this.#x = x
    this.#current = x
    this.#onDecided = onDecided
    this.#sessionUse = x.session && new SessionUse(x.session, x.gate.sessions!, Date.now())
    this.#lookups = lookupsOf(x)
  }

  /** Lookups of the credentials in the revocation replica; the same list until the credentials change. */
  get lookups(): readonly RevocationMemo[] {
    return this.#lookups
  }

  /**
   * Maximum time for which the route lets a stream be held (paused), ms; `undefined`: the setting of the node applies.
   */
  get holdMs(): number | undefined {
    return this.#current.route.streams.holdMs
  }

  /** The exchange with the facts of the last decision about the stream. */
  get current(): Recorded {
    return this.#current
  }

  /** Records a use of the login session, because the client has sent something on the stream. */
  used(): void {
    this.#sessionUse?.note(this.#current.session!, this.#current.nowMs)
  }

  /**
   * Decides whether the stream may continue.
   *
   * @returns the reason to end the stream. A reason with status 503 means that the gate cannot decide now: the stream
   *   must be paused, not ended
   */
  verdict(): Denial | undefined {
    if (this.#fault !== undefined) throw this.#fault
    const isKept = this.#isKept()
    const current = this.#current
    current.readClock()
    const { maxAgeMs } = current.route.streams
    if (maxAgeMs !== undefined && current.nowMs >= current.arrivedMs + maxAgeMs) return tooOld
    if (isKept) return undefined
    const denied = streamVerdict(current)
    if (denied !== undefined) return denied
    const need = this.#need()
    if (need === 'none') {
      this.#denial = undefined
      return undefined
    }
    const awaited = need === 'now' && this.#denial === undefined
    if (!this.#running && (awaited || current.nowMs >= this.#againMs)) this.#run()
    if (this.#fault !== undefined) throw this.#fault
    if (this.#denial !== undefined) return this.#denial
    return this.#running && this.#need() === 'now' ? undecided : undefined
  }

  /** Whether the route of the stream, in the policy in force, lets its streams outlive their credential. */
  #isKept(): boolean {
    const { gate, route, facts } = this.#current
    if (!route.streams.keeps || isInForce(this.#current)) return route.streams.keeps
    const again = this.#asNow()
    if (advance(placing, again) !== undefined || again.route?.streams.keeps !== true) return false
    this.#current = Object.assign(again, { gate, facts }) as Recorded
    return true
  }

  /**
   * Decides whether the phases must run again for the stream. `now`: the stream must pause until the phases have
   * decided, because a new request with this credential would wait too. `soon`: the phases run early, while the stream
   * continues.
   */
  #need(): 'none' | 'soon' | 'now' {
    const x = this.#current
    const { facts, session, nowMs } = x
    if (!isInForce(x)) return 'now'
    if (facts === undefined) return 'none'
    const { key, introspection } = facts
    if (!key.live) return 'now'
    if (nowMs < this.#againMs) return this.#denial === undefined ? 'none' : 'now'
    if (session !== undefined) {
      if (this.#sessionUse?.isIdle(nowMs) === true) return 'now'
      const { accessExpiresAtS } = session.tokens
      return accessExpiresAtS !== undefined && nowMs >= accessExpiresAtS * 1000 ? 'now' : 'soon'
    }
    if (nowMs >= introspection.untilMs) return 'now'
    return nowMs >= introspection.lookMs || nowMs < introspection.askedMs ? 'soon' : 'none'
  }

  #run(): void {
    this.#denial = undefined
    const { facts, gate } = this.#current
    const waits = this.#isVerifiedAgain
      ? gate.streams!.verifications.run(facts!.issuer.issuer, () => this.#decide())
      : this.#decide()
    if (waits === undefined) return
    this.#running = true
    waits
      .finally(() => {
        this.#running = false
        if (!this.#isOver) this.#onDecided()
      })
      .catch((error: unknown) => {
        this.#fault = error
      })
  }

  /**
   * Whether the next run of the phases may verify the token's signature again. This is the case after a change of the
   * policy or the keys, for a JWT that is not introspected.
   */
  get #isVerifiedAgain(): boolean {
    const { gate, facts } = this.#current
    if (facts === undefined || gate.streams === undefined) return false
    const { key, introspection, issuer } = facts
    return (!isInForce(this.#current) || !key.live) && introspection.form === 'jwt' && issuer.recheckMs === undefined
  }

  get #isOver(): boolean {
    return this.#x.settled && !this.#x.downstream.lingers
  }

  /**
   * Runs the phases for the stream.
   *
   * @returns a promise that resolves when the phases have decided; `undefined` when they decided without waiting, or
   *   when the stream has ended
   */
  #decide(): Promise<void> | undefined {
    if (this.#isOver) return undefined
    try {
      const again = this.#asNow()
      const isIdle = this.#sessionUse?.isIdle(again.nowMs) === true
      const verdict = isIdle ? this.#decideIdle(again) : decide(again)
      if (verdict instanceof Promise) {
        return verdict.then(
          (late) => this.#decided(again, late),
          (error) => this.#failed(error),
        )
      }
      this.#decided(again, verdict)
    } catch (error) {
      this.#failed(error)
    }
    return undefined
  }

  async #decideIdle(again: Exchange): Promise<Verdict> {
    return (await this.#sessionUse!.isUsedElsewhere(again.session!, again.nowMs)) ? decide(again) : sessionEnded
  }

  /**
   * Returns a copy of the stream's exchange, as a request that arrives now, with the same credential. The exchange
   * itself stays unchanged.
   */
  #asNow(): Exchange {
    const { session, credential, gate: live, runtime } = this.#current
    const gate = Object.assign(Object.create(this.#x.gate), { addressLimit: uncharged })
    // Use the canary policy only for streams that it admitted itself.
    if (live.baseRuntime !== undefined && runtime !== live.runtime) gate.runtime = live.baseRuntime
    // Mark the copy as not settled: the exchange can be settled while its complete reply waits for a slow client. The
    // phases must decide about its stream too.
    const state = { gate, session, credential, marks: undefined, settled: false, nowMs: Date.now() }
    return Object.assign(Object.create(this.#x), state) as Exchange
  }

  #decided(again: Exchange, verdict: Verdict): void {
    again.readClock()
    this.#againMs = again.nowMs + AGAIN_MS
    if (verdict !== undefined) {
      // Replace a redirect to the login by a denial: a stream cannot follow a redirect.
      this.#denial = 'answer' in verdict ? sessionEnded : verdict
      return
    }
    // Refuse a token with another key, which cannot continue the stream: the client proved possession of the key at the
    // start of the stream, and cannot prove it again.
    if (!isSameConfirmation(again.facts?.confirmation, this.#x.facts?.confirmation)) {
      this.#denial = this.#x.route.denials.token['token-binding']
      return
    }
    this.#denial = undefined
    this.#current = Object.assign(again, { gate: this.#x.gate }) as Recorded
    this.#lookups = lookupsOf(this.#current)
  }

  #failed(error: unknown): void {
    this.#againMs = 0
    if (!(error instanceof GatewayFault) || error.reason === 'node-fault') this.#fault = error
    else if (this.#need() === 'now') this.#denial = faultReplies[error.reason]
    this.#againMs = Date.now() + RETRY_MS
  }
}

/** Whether the policy that last decided about this stream is still in force for the stream. */
function isInForce({ gate, runtime }: Recorded): boolean {
  return runtime === gate.runtime || runtime === gate.baseRuntime
}

/** Runs the phases that decide whether the stream's request is admitted. */
function decide(x: Exchange): Verdict | Promise<Verdict> {
  const misplaced = advance(placing, x)
  if (misplaced !== undefined) return misplaced
  const { requirement, logins, certificates, denials } = x.route!
  if (requirement === undefined) {
    // Skip the credential on a public route, which reads none.
    x.facts = undefined
    x.session = undefined
    return undefined
  }
  if (x.scheme === 'certificate') return certificates.length === 0 ? certificateNotAllowed : advance(deciding, x)
  if (x.session === undefined ? x.credential === '' : logins.length === 0) return denials.credentialMissing
  return isAccepted(x) ? advance(deciding, x) : denials.credentialMissing
}

/**
 * Whether the route accepts the scheme with which the caller authenticated. The route can belong to a newer policy than
 * the policy that admitted the caller.
 */
function isAccepted({ route, scheme, session }: Exchange): boolean {
  const { bearer, basic } = route!.accept
  return session !== undefined || (scheme === 'basic' ? basic !== undefined : bearer)
}

function lookupsOf({ gate, facts, session }: Exchange): readonly RevocationMemo[] {
  if (gate.revocations === undefined) return []
  const ofToken = facts?.revocation
  const ofSession = session?.revocation
  // Build a list of exact length: `filter` would reserve memory for 17 entries for each stream.
  if (ofSession === undefined) return ofToken === undefined ? [] : [ofToken]
  return ofToken === undefined ? [ofSession] : [ofToken, ofSession]
}
