import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { GatewayFault, ignoreOutage } from '../base/fault.ts'
import type { Sealer } from '../base/sealer.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { Introspectors } from '../issuers/introspectors.ts'
import { type Asker, rechecks } from '../issuers/question-queue.ts'
import { type IntrospectionAnswer, isSameToken } from '../oauth/introspection.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import type { IntrospectionRules, IssuerRules } from '../oauth/token-facts.ts'
import type { AgedAnswer, LockHolder, SharedAnswers } from './shared-answers.ts'

/**
 * Time that is added to the maximum duration of an introspection, ms, so that the lease of the lock outlasts the
 * introspection.
 */
const LEASE_OVER_MS = 500
/** Time for which a failed introspection of a token is remembered, ms. */
const FAILURE_MS = 1000
const POLL_MIN_MS = 15
const POLL_MAX_MS = 200
/**
 * Maximum number of running introspections that other callers can share. Above this number, each caller introspects
 * itself.
 */
const UNDER_WAY_MAX = 4096

export interface TokenAnswersDependencies {
  readonly introspectors: Introspectors
  /** Computes the keyed hashes of tokens. */
  readonly sealer: Sealer
  /** Introspection responses in Redis; `undefined` for a node without Redis. */
  readonly shared: SharedAnswers | undefined
}

/** Input for the introspection of a token, with the data known before its issuer is called. */
export interface Question {
  readonly token: string
  readonly rules: IssuerRules
  /** Time for which an active response is valid, ms. */
  readonly freshMs: number
  /** Known claims of the token. An introspection response that contradicts these claims is rejected. */
  readonly claims: JsonObject | undefined
  readonly asker: Asker
}

/** Newest available introspection response of a token, or the fault of its introspection. */
export interface Asked {
  /** Newest introspection response; `undefined` only together with a fault. */
  readonly answer: IntrospectionAnswer | undefined
  /**
   * Time of the introspection request by this machine's clock, ms since the Unix epoch; -Infinity when no response is
   * known.
   */
  readonly askedMs: number
  /** Fault that prevented a newer response; `undefined` after a successful introspection. */
  readonly fault: GatewayFault | undefined
}

/**
 * Revokes a token that its issuer reports as ended (`active: false`).
 *
 * @param claims  claims from the issuer while the token was active
 */
export type EndToken = (token: string, claims: JsonObject) => Promise<void>

/**
 * Result of the refresh of an introspection response. Without a call to the issuer: `fresh`, a stored response was
 * young enough; `gone`, the stored response was too old or missing, so the next use of the token introspects it. After
 * a call: `active`; `ended`, the issuer replied `active: false`; `inactive`, the issuer replied another value.
 */
export type Refreshed = 'fresh' | 'active' | 'ended' | 'inactive' | 'gone'

/**
 * Introspection responses of tokens. While Redis is available, all concurrent callers in the cluster share one
 * introspection of a token.
 */
export class TokenAnswers {
  readonly #introspectors: Introspectors
  readonly #sealer: Sealer
  readonly #shared: SharedAnswers | undefined
  readonly #task = new Supervisor('introspection-refresh')
  /**
   * Introspections in progress, which requests with the same token share.
   *
   * @bound {@link UNDER_WAY_MAX} tokens | a further introspection is not shared | none
   */
  readonly #underWay = new Map<string, Promise<Asked>>()

  constructor({ introspectors, sealer, shared }: TokenAnswersDependencies) {
    this.#introspectors = introspectors
    this.#sealer = sealer
    this.#shared = shared
  }

  /** Returns the keyed hash of issuer and token: the same text at two issuers is two tokens. */
  idOf(token: string, { issuer }: IssuerRules): string {
    return this.#sealer.nameOf(issuer, token)
  }

  /** Returns a response that is fresh enough, or else the newest stored response with the fault. Never rejects. */
  newest(id: string, question: Question): Promise<Asked> {
    const joined = question.freshMs === 0 ? undefined : this.#underWay.get(id)
    if (joined !== undefined) return joined
    const asked = this.#newest(id, question).catch((error: unknown) => failed(error, question.rules, undefined))
    if (question.freshMs === 0 || this.#underWay.size >= UNDER_WAY_MAX) return asked
    const ended = asked.finally(() => this.#underWay.delete(id))
    this.#underWay.set(id, ended)
    return ended
  }

  /**
   * Introspects the token immediately, regardless of stored responses. On a fault, returns the newest stored response.
   * Never rejects.
   */
  again(id: string, question: Question): Promise<Asked> {
    return this.#newest(id, question, 0).catch((error: unknown) => failed(error, question.rules, undefined))
  }

  /**
   * Reads a stored response without calling the issuer. `undefined` if the response is too old or Redis is unavailable.
   */
  async look(id: string, oldestMs: number): Promise<Asked | undefined> {
    try {
      const turn = await this.#shared?.begin(id, { oldestMs, waitedMs: -1, leaseMs: 0 })
      return turn?.kind === 'known' ? knownBy(turn.known) : undefined
    } catch {
      return undefined
    }
  }

  /**
   * Introspects a token that is in use again, unless another caller has just introspected it.
   *
   * @param oldestMs  maximum age of an acceptable stored response, ms
   * @param freshMs   time for which the new response is valid, ms
   * @param ended     called before the response is stored if the issuer has ended the token, with the token and its
   *   previous claims
   * @throws {GatewayFault} `introspection-unavailable` or `store-unavailable`
   */
  async refresh(
    id: string,
    rules: IssuerRules,
    { oldestMs, freshMs, ended }: { oldestMs: number; freshMs: number; ended: EndToken },
  ): Promise<Refreshed> {
    const turn = await this.#shared!.begin(id, { oldestMs, waitedMs: -1, leaseMs: this.#leaseOf(rules) })
    if (turn.kind === 'known') return 'fresh'
    // Fail the job, so that its next attempt checks again: another caller is introspecting the token, or its
    // introspection has just failed.
    if (turn.kind !== 'ask')
      throw unavailable(
        rules,
        turn.kind === 'failed' ? turn.why : 'another node or worker introspects the token already',
      )
    // Compare the identifier too: another policy can use this issuer name for a different issuer, which must not learn
    // the token.
    const isTheirs = turn.token !== undefined && this.#sealer.namesOf(rules.issuer, turn.token).includes(id)
    if (!isTheirs || turn.old === undefined || turn.old.ageMs >= freshMs) {
      await this.#shared!.fail(id, turn, '', 0)
      return 'gone'
    }
    const question = { token: turn.token, rules, freshMs, claims: undefined, asker: rechecks }
    const answer = await this.#ask(id, turn, question)
    if (answer.ended) await ended(turn.token, turn.old.answer.claims)
    await this.#store(id, turn, answer, question)
    return answer.active ? 'active' : answer.ended ? 'ended' : 'inactive'
  }

  /**
   * Returns the newest response: a stored response, or the response to a new introspection.
   *
   * @param oldestMs  maximum age of an acceptable stored response, ms
   */
  async #newest(id: string, question: Question, oldestMs = question.freshMs): Promise<Asked> {
    const { rules } = question
    const startedAt = performance.now()
    const leaseMs = this.#leaseOf(rules)
    const patienceMs = leaseMs + LEASE_OVER_MS
    for (let pauseMs = POLL_MIN_MS; ; pauseMs = Math.min(pauseMs * 1.6, POLL_MAX_MS)) {
      const waitedMs = performance.now() - startedAt
      const turn = await this.#begin(id, { oldestMs, waitedMs, leaseMs })
      switch (turn?.kind) {
        case undefined:
        case 'none':
          return this.#alone(question)
        case 'known':
          return knownBy(turn.known)
        case 'failed':
          return failed(unavailable(rules, turn.why), rules, turn.old)
        case 'ask':
          return this.#take(id, turn, question)
        case 'wait':
          if (waitedMs > patienceMs)
            return failed(
              unavailable(rules, 'the introspection by another node did not finish in time'),
              rules,
              undefined,
            )
          await sleep(Math.min(pauseMs, turn.leftMs + 1))
      }
    }
  }

  /**
   * Reads the stored response, or acquires the lock to introspect. Returns `none` when Redis is unavailable: each node
   * then introspects tokens itself.
   */
  async #begin(
    id: string,
    options: Parameters<SharedAnswers['begin']>[1],
  ): ReturnType<NonNullable<SharedAnswers>['begin']> {
    try {
      return (await this.#shared?.begin(id, options)) ?? { kind: 'none' }
    } catch {
      return { kind: 'none' }
    }
  }

  async #take(id: string, turn: LockHolder, question: Question): Promise<Asked> {
    const askedMs = Date.now()
    try {
      const answer = await this.#ask(id, turn, question)
      // Do not wait until the response is stored in Redis: the caller does not need this.
      void this.#task.attempt(() => ignoreOutage(this.#store(id, turn, answer, question)))
      return { answer, askedMs, fault: undefined }
    } catch (error) {
      return failed(error, question.rules, turn.old)
    }
  }

  /**
   * Returns the lease of the lock for an introspection, ms. If the holder of the lock dies, other callers wait for at
   * most this time.
   */
  #leaseOf(rules: IssuerRules): number {
    return this.#introspectors.of(rules).patienceMs + LEASE_OVER_MS
  }

  async #alone({ token, rules, claims, asker }: Question): Promise<Asked> {
    const askedMs = Date.now()
    const answer = await this.#introspectors.of(rules).ask(token, asker)
    if (answer.active && !isAbout(answer, claims)) throw misdirected(rules)
    return { answer, askedMs, fault: undefined }
  }

  /**
   * Introspects a token at its issuer.
   *
   * @throws {GatewayFault} when the introspection failed; the failure is then stored in the background
   */
  async #ask(id: string, turn: LockHolder, { token, rules, claims, asker }: Question): Promise<IntrospectionAnswer> {
    // Treat the token as reported active if Redis has an active response: an issuer has then accepted the token before,
    // although this node does not know it.
    const who = turn.old?.answer.active === true ? rechecks : asker
    try {
      const answer = await this.#introspectors.of(rules).ask(token, who)
      if (answer.active && !(isAbout(answer, claims) && isAbout(answer, turn.old?.answer.claims))) {
        throw misdirected(rules)
      }
      return answer
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unknown'
      void this.#task.attempt(() => ignoreOutage(this.#shared?.fail(id, turn, why, FAILURE_MS)))
      throw error
    }
  }

  async #store(id: string, turn: LockHolder, answer: IntrospectionAnswer, question: Question): Promise<void> {
    const { rules, freshMs, token } = question
    const { negativeCacheMs } = rules.introspection as IntrospectionRules
    const lifeMs = answer.active ? freshMs : negativeCacheMs
    const keepMs = answer.active ? keepOf(answer, question) : lifeMs
    await this.#shared?.tell(id, turn, answer, {
      lifeMs,
      // Store the response for at least 1 s, so that callers that wait for it can still find it.
      keepMs: Math.max(keepMs, 1000),
      token: answer.active ? token : undefined,
    })
  }
}

/**
 * Returns the time for which Redis keeps a response, ms: as long as the response can be used, but never past the
 * token's expiry.
 */
function keepOf({ claims }: IntrospectionAnswer, { rules, freshMs }: Question): number {
  const longestMs = freshMs + (rules.introspection as IntrospectionRules).keepStaleMs
  const exp = member(claims, 'exp')
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return longestMs
  return Math.min(longestMs, (exp + rules.clockToleranceS) * 1000 - Date.now())
}

function isAbout({ claims }: IntrospectionAnswer, before: JsonObject | undefined): boolean {
  return before === undefined || isSameToken(before, claims)
}

function knownBy({ answer, ageMs }: AgedAnswer): Asked {
  return { answer, askedMs: Date.now() - ageMs, fault: undefined }
}

function failed(error: unknown, rules: IssuerRules, old: AgedAnswer | undefined): Asked {
  const fault = error instanceof GatewayFault ? error : unavailable(rules, (error as Error).message)
  return { answer: old?.answer, askedMs: old === undefined ? Number.NEGATIVE_INFINITY : Date.now() - old.ageMs, fault }
}

function misdirected(rules: IssuerRules): GatewayFault {
  return unavailable(rules, `issuer ${rules.name} sent an introspection response about another token`)
}

function unavailable({ name }: IssuerRules, why: string): GatewayFault {
  return new GatewayFault(
    'introspection-unavailable',
    'issuer',
    why === '' ? `introspection at issuer ${name} failed` : why,
  )
}
