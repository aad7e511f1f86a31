import { performance } from 'node:perf_hooks'
import { isDeepStrictEqual } from 'node:util'
import { ignoreOutage } from '../base/fault.ts'
import type { VerificationReason } from '../base/reasons.ts'
import { Supervisor } from '../base/supervisor.ts'
import { type Asker, rechecks } from '../issuers/question-queue.ts'
import { refusedFromMs } from '../oauth/access-token.ts'
import {
  agreesWithBinding,
  type IntrospectionAnswer,
  isBearerToken,
  validateIntrospected,
} from '../oauth/introspection.ts'
import {
  type IntrospectionRules,
  type IntrospectionState,
  type IntrospectionTerms,
  type IssuerRules,
  noRevocationLookup,
  noTexts,
  type TokenFacts,
} from '../oauth/token-facts.ts'
import { expiredWhileWaitingFault } from './expired-while-waiting.ts'
import type { FactsCache } from './facts-cache.ts'
import { Refusals } from './refusals.ts'
import type { Asked, TokenAnswers } from './token-answers.ts'

type Verification = TokenFacts | VerificationReason

/** Order for a worker to refresh a token's introspection response before the response becomes too old. */
export interface IntrospectionRefresh {
  /** Name of the issuer in the policy. */
  readonly issuer: string
  /** Keyed hash of issuer and token. */
  readonly token: string
  readonly form: 'opaque' | 'jwt'
  /** `traceparent` (W3C) of the traced exchange that caused the refresh. */
  readonly traceparent?: string | undefined
}

/** Accepts orders to refresh introspection responses. The caller gets no result. */
export interface RefreshService {
  want(order: IntrospectionRefresh): void
}

export interface IntrospectedTokensDependencies {
  readonly cache: FactsCache
  readonly answers: TokenAnswers
  /**
   * Queues refreshes for workers; `undefined` when no worker refreshes responses ahead of time. A request then waits
   * for the issuer at the end of each cache period.
   */
  readonly refresh: RefreshService | undefined
}

/** Time after a failed introspection until the issuer is called again about the token, ms. */
const RETRY_MS = 1000
/**
 * Time before an introspection response expires at which its refresh begins, ms. At most half of the response's
 * lifetime.
 */
const LEAD_MS = 2000
/** Shortest time between two polls for a refreshed introspection response, ms. */
const LOOK_MS = 100

/**
 * Verifies tokens by introspection: opaque tokens, and JWTs of issuers with `recheck`.
 *
 * Near the expiry of an introspection response, the first use of the token orders a refresh by a worker, and later uses
 * poll for the result. A token in use therefore does not wait, and an unused token is not introspected again.
 */
export class IntrospectedTokens {
  readonly #cache: FactsCache
  readonly #answers: TokenAnswers
  readonly #refresh: RefreshService | undefined
  readonly #task = new Supervisor('introspection-refresh')
  /** Rejected opaque tokens. @bound 8,192 refusals | the oldest is dropped | none */
  readonly #refusals = new Refusals()

  constructor({ cache, answers, refresh }: IntrospectedTokensDependencies) {
    this.#cache = cache
    this.#answers = answers
    this.#refresh = refresh
  }

  /**
   * Verifies an opaque token. Exactly one of the issuers must report the token as active.
   *
   * @param asker  client that caused the introspection; it determines the order in which waiting introspections are
   *   sent
   * @throws {GatewayFault} as a rejection: `introspection-unavailable` when an issuer cannot be reached
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

  /** Introspects a JWT whose signature is valid and that has not been introspected yet. */
  async confirm(token: string, facts: TokenFacts, terms: IntrospectionTerms, nowMs: number): Promise<Verification> {
    const { issuer } = facts
    const id = this.#answers.idOf(token, issuer)
    const refused = this.#refusals.find(id)
    if (refused !== undefined) return refused
    const startedAt = performance.now()
    const asked = await this.#answers.newest(id, questionOf(token, facts))
    const laterMs = nowMs + performance.now() - startedAt
    const introspection = introspectionOf(asked, issuer, facts.introspection)
    const staleMs = terms.staleMs ?? rulesOf(issuer).staleMs
    const known = this.#known(token, issuer)
    if (known !== undefined) return known
    const verified = this.#take(token, { ...facts, introspection }, id, asked, staleMs, laterMs)
    return unlessExpired(verified, issuer, 'jwt', asked, nowMs)
  }

  /**
   * Verifies a cached token whose introspection response has expired or expires soon.
   *
   * @param cause  `traceparent` of the exchange, if the exchange is traced
   */
  renew(
    token: string,
    known: TokenFacts,
    terms: IntrospectionTerms,
    nowMs: number,
    cause: string | undefined,
  ): Verification | Promise<Verification> {
    const { introspection, issuer } = known
    // Introspect the token at all issuers of the route: the same text can also be a token of another issuer that this
    // route accepts.
    if (introspection.form === 'opaque' && !isSettled(known, terms)) {
      return terms.asked.length === 0 ? known : this.identify(token, terms, nowMs, rechecks)
    }
    if (counts(introspection, nowMs)) {
      this.#refreshAhead(token, known, nowMs, cause)
      return known
    }
    const staleMs = terms.staleMs ?? rulesOf(issuer).staleMs
    if (introspection.retryMs === 0 || !counts(introspection, nowMs, staleMs))
      return this.#again(token, known, staleMs, nowMs)
    // Retry in the background, so that no request waits: a recent introspection of this token failed.
    if (nowMs >= introspection.retryMs) {
      introspection.retryMs = nowMs + RETRY_MS
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
    const introspection = introspectionOf(answers[owner]!, asked[owner]!, { form: 'opaque', asked })
    const verified = this.#validate(token, asked[owner]!, ids, answers[owner]!, introspection, laterMs)
    return unlessExpired(verified, asked[owner]!, 'opaque', answers[owner]!, nowMs)
  }

  /**
   * Builds token facts from an active introspection response. Reuses the existing facts if the response has the same
   * claims.
   */
  #validate(
    token: string,
    rules: IssuerRules,
    ids: readonly string[],
    asked: Asked,
    introspection: IntrospectionState,
    nowMs: number,
  ): Verification {
    const { claims } = asked.answer as IntrospectionAnswer
    const known = this.#known(token, rules)
    if (known?.introspection.asked === introspection.asked && isDeepStrictEqual(known.claims, claims)) {
      move(known.introspection, introspection, nowMs)
      return nowMs < refusedFromMs(known) ? known : 'token-expired'
    }
    const claimed = validateIntrospected(claims, rules, nowMs)
    if (typeof claimed === 'string') return this.#refuse(claimed, rules, ids)
    const facts: TokenFacts = {
      ...claimed,
      key: { live: true },
      introspection,
      derived: [],
      revocation: noRevocationLookup(),
      texts: noTexts(),
    }
    this.#cache.insert(token, facts, nowMs)
    return facts
  }

  async #again(token: string, known: TokenFacts, staleMs: number, nowMs: number): Promise<Verification> {
    const startedAt = performance.now()
    const id = this.#answers.idOf(token, known.issuer)
    const asked = await this.#answers.newest(id, questionOf(token, known))
    const verified = this.#take(token, known, id, asked, staleMs, nowMs + performance.now() - startedAt)
    return unlessExpired(verified, known.issuer, known.introspection.form, asked, nowMs)
  }

  /**
   * Applies a new introspection response to a known token.
   *
   * @throws {GatewayFault} when there is no new response, and the last response is too old to use
   */
  #take(token: string, known: TokenFacts, id: string, asked: Asked, staleMs: number, nowMs: number): Verification {
    const { introspection, issuer } = known
    const { answer, fault } = asked
    if (answer?.active === false) {
      this.#cache.remove(token)
      return this.#refuse('token-inactive', issuer, [id])
    }
    if (fault !== undefined) {
      if (answer !== undefined) move(introspection, introspectionOf(asked, issuer, introspection), nowMs)
      introspection.retryMs = nowMs + RETRY_MS
      if (counts(introspection, nowMs, staleMs) && nowMs < refusedFromMs(known)) return known
      throw fault
    }
    const next = introspectionOf(asked, issuer, introspection)
    if (introspection.form === 'opaque') return this.#validate(token, issuer, [id], asked, next, nowMs)
    if (!agreesWithBinding(answer!.claims, known.confirmation)) {
      this.#cache.remove(token)
      return this.#refuse('token-binding', issuer, [id])
    }
    move(introspection, next, nowMs)
    if (this.#cache.find(token) !== known) this.#cache.insert(token, known, nowMs)
    return nowMs < refusedFromMs(known) ? known : 'token-expired'
  }

  /**
   * Refreshes an introspection response that expires soon. The first call orders a refresh by a worker; later calls
   * poll for the result.
   */
  #refreshAhead(token: string, known: TokenFacts, nowMs: number, cause: string | undefined): void {
    const { introspection, issuer } = known
    if (this.#refresh === undefined) {
      introspection.lookMs = introspection.untilMs
      return
    }
    introspection.lookMs = nowMs + Math.max(LOOK_MS, (introspection.untilMs - nowMs) / 4)
    const id = this.#answers.idOf(token, issuer)
    if (!introspection.refreshing) {
      introspection.refreshing = true
      this.#refresh.want({ issuer: issuer.name, token: id, form: known.introspection.form, traceparent: cause })
      return
    }
    void this.#task.attempt(() => ignoreOutage(this.#look(token, known, id, nowMs)))
  }

  async #look(token: string, known: TokenFacts, id: string, nowMs: number): Promise<void> {
    const startedAt = performance.now()
    // Accepts only a shared response that is newer than the response already known.
    const asked = await this.#answers.look(id, nowMs - known.introspection.askedMs)
    if (asked !== undefined) this.#take(token, known, id, asked, 0, nowMs + performance.now() - startedAt)
  }

  /**
   * Returns the cached facts of a token if they were built under exactly these issuer rules, not under an older policy.
   */
  #known(token: string, rules: IssuerRules): TokenFacts | undefined {
    const known = this.#cache.find(token)
    return known?.key.live === true && known.issuer === rules ? known : undefined
  }

  #refuse(reason: VerificationReason, rules: IssuerRules, ids: readonly string[]): VerificationReason {
    // Do not cache `token-not-yet-valid`: such a token becomes valid with time. No other rejection ends with time.
    if (reason !== 'token-not-yet-valid') this.#refusals.add(ids.join(), reason, rulesOf(rules).negativeCacheMs)
    return reason
  }
}

/**
 * Returns the verification result, unless the token expired during the wait for the introspection response.
 *
 * @param startMs  start of the wait, ms since the Unix epoch. A JWT was valid at this time; for an opaque token, the
 *   claims of the response show whether it was valid
 * @throws {GatewayFault} `expired-while-waiting`
 */
function unlessExpired(
  verified: Verification,
  rules: IssuerRules,
  form: IntrospectionState['form'],
  { answer }: Asked,
  startMs: number,
): Verification {
  if (verified !== 'token-expired') return verified
  if (form === 'opaque' && validateIntrospected(answer!.claims, rules, startMs) === 'token-expired') return verified
  throw expiredWhileWaitingFault(rules)
}

/**
 * Whether this route can rely on the known issuer of the token. For an opaque token, all issuers at which the route
 * introspects must have been called.
 */
export function isSettled({ issuer, introspection }: TokenFacts, { asked }: IntrospectionTerms): boolean {
  if (introspection.asked === asked) return true
  return asked.includes(issuer) && asked.every((rules) => introspection.asked.includes(rules))
}

/**
 * Whether an introspection response can be used. Only an active response can be stale: a denial from a stale inactive
 * response would blame the token for the outage of the issuer.
 */
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
  const { issuer: rules, claims, introspection } = facts
  const { form } = introspection
  // Use the priority of a re-check: unauthenticated clients cannot cause this introspection, because the token's
  // signature is valid, or an issuer has reported the token as active.
  return { token, rules, freshMs: freshOf(rules, form), claims, asker: rechecks }
}

/**
 * Returns the state of a token's introspection, from its response. Refreshes begin at a random lead time, so that
 * tokens introspected at the same moment are not all refreshed together.
 */
function introspectionOf(
  { askedMs, fault }: Asked,
  rules: IssuerRules,
  { form, asked }: Pick<IntrospectionState, 'form' | 'asked'>,
): IntrospectionState {
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

/**
 * Whether an introspection response is still valid, or expired at most `longerMs` ago. If the clock was set back, the
 * age of the response is unknown, and the response is not valid.
 */
function counts({ askedMs, untilMs }: IntrospectionState, nowMs: number, longerMs = 0): boolean {
  return nowMs >= askedMs && nowMs < untilMs + longerMs
}

/**
 * Replaces the introspection state by a newer state. A response that is older than the current response changes
 * nothing.
 */
function move(introspection: IntrospectionState, to: IntrospectionState, nowMs: number): void {
  if (to.untilMs < introspection.untilMs && nowMs >= introspection.askedMs) return
  introspection.askedMs = to.askedMs
  introspection.untilMs = to.untilMs
  introspection.lookMs = to.lookMs
  introspection.retryMs = to.retryMs
  introspection.refreshing = to.refreshing
}
