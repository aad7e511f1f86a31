import { performance } from 'node:perf_hooks'
import { isDeepStrictEqual } from 'node:util'
import { ignoreOutage } from '../base/fault.ts'
import type { TokenReason } from '../base/reasons.ts'
import { Supervisor } from '../base/supervisor.ts'
import { type Asker, rechecks } from '../issuers/question-queue.ts'
import { refusedFromMs } from '../oauth/access-token.ts'
import { type IntrospectionAnswer, isBearerToken, isBound, judgeIntrospected } from '../oauth/introspection.ts'
import {
  type IntrospectionRules,
  type IntrospectionTerms,
  type IssuerRules,
  neverLookedUp,
  neverSaid,
  type Standing,
  type TokenFacts,
} from '../oauth/token-facts.ts'
import { expiredWhileWaiting } from './expired-while-waiting.ts'
import type { FactsCache } from './facts-cache.ts'
import { Refusals } from './refusals.ts'
import type { Asked, TokenAnswers } from './token-answers.ts'

type Verification = TokenFacts | TokenReason

/** A token whose answer shall be asked for again before it has aged. */
export interface RefreshOrder {
  /** Name of the issuer in the policy. */
  readonly issuer: string
  /** Keyed hash of issuer and token. */
  readonly token: string
  readonly form: 'opaque' | 'jwt'
  /** The recorded exchange whose use of the token orders it (W3C `traceparent`). */
  readonly traceparent?: string | undefined
}

/** Takes orders, and answers nothing. */
export interface RefreshDesk {
  want(order: RefreshOrder): void
}

export interface IntrospectedTokensParts {
  readonly cache: FactsCache
  readonly answers: TokenAnswers
  /** `undefined`: nobody refreshes ahead, so a request waits at the end of each period. */
  readonly refresh: RefreshDesk | undefined
}

/** While an issuer cannot be asked: so long until it is tried again for a token. */
const RETRY_MS = 1000
/** So long before an answer has aged it is refreshed, where that is not more than half of its time. */
const LEAD_MS = 2000
/** Shortest time between two looks at whether the answer has been refreshed. */
const LOOK_MS = 100

/**
 * Tokens about which issuers are asked: opaque ones, and JWTs of issuers with `recheck`.
 *
 * In the last part of the time for which an answer counts, the first use of the token orders a refresh, which a worker
 * does; further uses look whether it is there. So a token in use never waits, and one that is no longer used is no longer
 * asked about.
 */
export class IntrospectedTokens {
  readonly #cache: FactsCache
  readonly #answers: TokenAnswers
  readonly #refresh: RefreshDesk | undefined
  readonly #task = new Supervisor('introspection-refresh')
  readonly #refusals = new Refusals()

  constructor({ cache, answers, refresh }: IntrospectedTokensParts) {
    this.#cache = cache
    this.#answers = answers
    this.#refresh = refresh
  }

  /**
   * A token that says nothing of itself: it must be active at exactly one of the issuers.
   *
   * @param asker  for whom the issuers are asked, if they are
   * @throws {GatewayFault} as a rejection: `introspection-unavailable` when one of them cannot be asked
   */
  identify(
    token: string,
    { asked, staleMs }: IntrospectionTerms,
    nowMs: number,
    asker: Asker,
  ): Verification | Promise<Verification> {
    if (!isBearerToken(token)) return 'token-malformed'
    const ids = asked.map((rules) => this.#answers.idOf(token, rules))
    return this.#refusals.find(ids.join()) ?? this.#identify(token, asked, ids, { staleMs, nowMs, asker })
  }

  /** A JWT that holds, and of which the issuer has not been asked yet. */
  async confirm(token: string, facts: TokenFacts, terms: IntrospectionTerms, nowMs: number): Promise<Verification> {
    const { issuer } = facts
    const id = this.#answers.idOf(token, issuer)
    const refused = this.#refusals.find(id)
    if (refused !== undefined) return refused
    const startedAt = performance.now()
    const asked = await this.#answers.newest(id, questionOf(token, facts))
    const laterMs = nowMs + performance.now() - startedAt
    const standing = standingOf(asked, issuer, facts.standing)
    const staleMs = terms.staleMs ?? rulesOf(issuer).staleMs
    const known = this.#known(token, issuer)
    if (known !== undefined) return known
    const verified = this.#take(token, { ...facts, standing }, id, asked, staleMs, laterMs)
    return unlessExpired(verified, issuer, 'jwt', asked, nowMs)
  }

  /**
   * A known token whose issuer has to be asked again, or soon.
   *
   * @param cause  `traceparent` of the exchange, where it is recorded
   */
  renew(
    token: string,
    known: TokenFacts,
    terms: IntrospectionTerms,
    nowMs: number,
    cause: string | undefined,
  ): Verification | Promise<Verification> {
    const { standing, issuer } = known
    // The same text may be a token of another issuer, which is the one that counts here.
    if (standing.form === 'opaque' && !isSettled(known, terms)) {
      return terms.asked.length === 0 ? known : this.identify(token, terms, nowMs, rechecks)
    }
    if (counts(standing, nowMs)) {
      this.#lookAfter(token, known, nowMs, cause)
      return known
    }
    const staleMs = terms.staleMs ?? rulesOf(issuer).staleMs
    if (standing.retryMs === 0 || !counts(standing, nowMs, staleMs)) return this.#again(token, known, staleMs, nowMs)
    // It could not be asked a moment ago: nobody waits for the next try.
    if (nowMs >= standing.retryMs) {
      standing.retryMs = nowMs + RETRY_MS
      void this.#task.attempt(() => ignoreOutage(this.#again(token, known, staleMs, nowMs)))
    }
    return known
  }

  async #identify(
    token: string,
    asked: readonly IssuerRules[],
    ids: readonly string[],
    { staleMs, nowMs, asker }: { staleMs: number | undefined; nowMs: number; asker: Asker },
  ): Promise<Verification> {
    const startedAt = performance.now()
    const answers = await Promise.all(
      asked.map((rules, i) => {
        const { cacheMs } = rulesOf(rules)
        return this.#answers.newest(ids[i]!, { token, rules, freshMs: cacheMs, claims: undefined, asker })
      }),
    )
    const laterMs = nowMs + performance.now() - startedAt
    let owner: number | undefined
    for (const [i, answer] of answers.entries()) {
      if (!isUsable(answer, asked[i]!, staleMs, laterMs)) throw answer.fault!
      if (!answer.answer!.active) continue
      if (owner !== undefined) return this.#refuse('token-ambiguous', asked[i]!, ids)
      owner = i
    }
    if (owner === undefined) return this.#refuse('token-inactive', asked[0]!, ids)
    const standing = standingOf(answers[owner]!, asked[owner]!, { form: 'opaque', asked })
    const verified = this.#judge(token, asked[owner]!, ids, answers[owner]!, standing, laterMs)
    return unlessExpired(verified, asked[owner]!, 'opaque', answers[owner]!, nowMs)
  }

  /** Makes facts of an active answer; the same facts again where it says the same. */
  #judge(
    token: string,
    rules: IssuerRules,
    ids: readonly string[],
    asked: Asked,
    standing: Standing,
    nowMs: number,
  ): Verification {
    const { claims } = asked.answer as IntrospectionAnswer
    const known = this.#known(token, rules)
    if (known?.standing.asked === standing.asked && isDeepStrictEqual(known.claims, claims)) {
      move(known.standing, standing, nowMs)
      return nowMs < refusedFromMs(known) ? known : 'token-expired'
    }
    const claimed = judgeIntrospected(claims, rules, nowMs)
    if (typeof claimed === 'string') return this.#refuse(claimed, rules, ids)
    const facts: TokenFacts = {
      ...claimed,
      key: { live: true },
      standing,
      derived: [],
      revocation: neverLookedUp(),
      texts: neverSaid(),
    }
    this.#cache.insert(token, facts, nowMs)
    return facts
  }

  async #again(token: string, known: TokenFacts, staleMs: number, nowMs: number): Promise<Verification> {
    const startedAt = performance.now()
    const id = this.#answers.idOf(token, known.issuer)
    const asked = await this.#answers.newest(id, questionOf(token, known))
    const verified = this.#take(token, known, id, asked, staleMs, nowMs + performance.now() - startedAt)
    return unlessExpired(verified, known.issuer, known.standing.form, asked, nowMs)
  }

  /**
   * What a new answer makes of a known token.
   *
   * @throws {GatewayFault} when there is none, and the last one is too old
   */
  #take(token: string, known: TokenFacts, id: string, asked: Asked, staleMs: number, nowMs: number): Verification {
    const { standing, issuer } = known
    const { answer, fault } = asked
    if (answer?.active === false) {
      this.#cache.remove(token)
      return this.#refuse('token-inactive', issuer, [id])
    }
    if (fault !== undefined) {
      if (answer !== undefined) move(standing, standingOf(asked, issuer, standing), nowMs)
      standing.retryMs = nowMs + RETRY_MS
      if (counts(standing, nowMs, staleMs) && nowMs < refusedFromMs(known)) return known
      throw fault
    }
    const next = standingOf(asked, issuer, standing)
    if (standing.form === 'opaque') return this.#judge(token, issuer, [id], asked, next, nowMs)
    if (isBound(answer!.claims)) {
      this.#cache.remove(token)
      return this.#refuse('token-binding', issuer, [id])
    }
    move(standing, next, nowMs)
    if (this.#cache.find(token) !== known) this.#cache.insert(token, known, nowMs)
    return nowMs < refusedFromMs(known) ? known : 'token-expired'
  }

  /** In the last part of an answer's time: first has it refreshed, then looks whether it has been. */
  #lookAfter(token: string, known: TokenFacts, nowMs: number, cause: string | undefined): void {
    const { standing, issuer } = known
    if (this.#refresh === undefined) {
      standing.lookMs = standing.untilMs
      return
    }
    standing.lookMs = nowMs + Math.max(LOOK_MS, (standing.untilMs - nowMs) / 4)
    const id = this.#answers.idOf(token, issuer)
    if (!standing.refreshing) {
      standing.refreshing = true
      this.#refresh.want({ issuer: issuer.name, token: id, form: known.standing.form, traceparent: cause })
      return
    }
    void this.#task.attempt(() => ignoreOutage(this.#look(token, known, id, nowMs)))
  }

  async #look(token: string, known: TokenFacts, id: string, nowMs: number): Promise<void> {
    const startedAt = performance.now()
    // Younger than the one at hand.
    const asked = await this.#answers.look(id, nowMs - known.standing.askedMs)
    if (asked !== undefined) this.#take(token, known, id, asked, 0, nowMs + performance.now() - startedAt)
  }

  /** By these very rules: facts of an older policy do not count under this one. */
  #known(token: string, rules: IssuerRules): TokenFacts | undefined {
    const known = this.#cache.find(token)
    return known?.key.live === true && known.issuer === rules ? known : undefined
  }

  #refuse(reason: TokenReason, rules: IssuerRules, ids: readonly string[]): TokenReason {
    // The one reason that passes by itself.
    if (reason !== 'token-not-yet-valid') this.#refusals.add(ids.join(), reason, rulesOf(rules).negativeCacheMs)
    return reason
  }
}

/**
 * Passes on what the answer made of a token, unless the token expired while the answer was awaited.
 *
 * @param startMs  when the wait began, ms since the epoch. A JWT had not expired then; of an opaque token the answer tells
 * @throws {GatewayFault} `expired-while-waiting`
 */
function unlessExpired(
  verified: Verification,
  rules: IssuerRules,
  form: Standing['form'],
  { answer }: Asked,
  startMs: number,
): Verification {
  if (verified !== 'token-expired') return verified
  if (form === 'opaque' && judgeIntrospected(answer!.claims, rules, startMs) === 'token-expired') return verified
  throw expiredWhileWaiting(rules)
}

/** Whether the issuers that may own the token here are among those of which one said that it does. */
export function isSettled({ issuer, standing }: TokenFacts, { asked }: IntrospectionTerms): boolean {
  if (standing.asked === asked) return true
  return asked.includes(issuer) && asked.every((rules) => standing.asked.includes(rules))
}

/** Only an active answer counts for longer than its time: a refusal for want of a newer one would blame the token. */
function isUsable({ answer, askedMs, fault }: Asked, issuer: IssuerRules, staleMs: number | undefined, nowMs: number) {
  if (fault === undefined) return true
  const rules = rulesOf(issuer)
  return answer?.active === true && nowMs < askedMs + rules.cacheMs + (staleMs ?? rules.staleMs)
}

function rulesOf({ introspection }: IssuerRules): IntrospectionRules {
  return introspection as IntrospectionRules
}

function freshOf(rules: IssuerRules, form: 'opaque' | 'jwt'): number {
  return form === 'jwt' ? rules.recheckMs! : rulesOf(rules).cacheMs
}

function questionOf(token: string, facts: TokenFacts): Parameters<TokenAnswers['newest']>[1] {
  const { issuer: rules, claims, standing } = facts
  const { form } = standing
  // Its signature was verified, or an issuer has said that it is active: strangers cannot make it up.
  return { token, rules, freshMs: freshOf(rules, form), claims, asker: rechecks }
}

/** Refreshes begin a while ahead, spread so that tokens of one moment are not asked about in one. */
function standingOf(
  { askedMs, fault }: Asked,
  rules: IssuerRules,
  { form, asked }: Pick<Standing, 'form' | 'asked'>,
): Standing {
  const freshMs = freshOf(rules, form)
  const leadMs = Math.max(LEAD_MS, freshMs * (0.15 + Math.random() * 0.15))
  return {
    form,
    asked,
    askedMs,
    untilMs: askedMs + freshMs,
    lookMs: askedMs + Math.max(freshMs / 2, freshMs - leadMs),
    retryMs: fault === undefined ? 0 : Date.now() + RETRY_MS,
    refreshing: false,
  }
}

/** A clock that was set back ends what was asked before: nobody knows how long ago that was. */
function counts({ askedMs, untilMs }: Standing, nowMs: number, longerMs = 0): boolean {
  return nowMs >= askedMs && nowMs < untilMs + longerMs
}

/** An answer that was asked for before the one at hand changes nothing. */
function move(standing: Standing, to: Standing, nowMs: number): void {
  if (to.untilMs < standing.untilMs && nowMs >= standing.askedMs) return
  standing.askedMs = to.askedMs
  standing.untilMs = to.untilMs
  standing.lookMs = to.lookMs
  standing.retryMs = to.retryMs
  standing.refreshing = to.refreshing
}
