import { setTimeout as sleep } from 'node:timers/promises'
import { rechecks } from '../issuers/question-queue.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { isName } from '../oauth/name.ts'
import { answerIdentity, type OpaqueIdentity } from '../oauth/opaque-identity.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Asked, TokenAnswers } from './token-answers.ts'

export interface OpaqueTokensDependencies {
  readonly answers: Pick<TokenAnswers, 'idOf' | 'look' | 'again'>
  /** The lists of issuers that routes of the active policy ask about opaque tokens, without duplicates. */
  readonly asked: () => readonly (readonly IssuerRules[])[]
  /** Waits for the given time, ms. Default: real time. */
  readonly wait?: ((ms: number) => Promise<unknown>) | undefined
}

/**
 * Minimum time between the two answers that are compared, ms. An issuer that sets `iat` or `exp` from the time of the
 * question then gives different values, because both are whole seconds.
 */
const APART_MS = 1100
/** Maximum age of a stored answer for the comparison, ms. Answers are not stored for longer than they are valid. */
const OLDEST_MS = 3_600_000

/** An active answer. */
interface Answer {
  readonly issuer: IssuerRules
  readonly claims: JsonObject
  /** Time of the question, ms since the epoch. */
  readonly askedMs: number
}

/** Finds a property that identifies an opaque token even if its issuer accepts it in several spellings. */
export class OpaqueTokens {
  readonly #answers: OpaqueTokensDependencies['answers']
  readonly #asked: OpaqueTokensDependencies['asked']
  readonly #wait: (ms: number) => Promise<unknown>

  constructor({ answers, asked, wait = (ms) => sleep(ms) }: OpaqueTokensDependencies) {
    this.#answers = answers
    this.#asked = asked
    this.#wait = wait
  }

  /**
   * Identifies a token by its `jti`, or else by the issuer's answer, if two answers from different seconds agree. A
   * stored answer of the cluster saves a question.
   *
   * @param named  name or identifier of the only issuer to ask. `undefined` means all issuers that the policy asks
   *   about an opaque token, provided that every service asks the same ones: an issuer must not learn tokens that no
   *   route sends it
   * @returns `undefined` when no issuer or more than one reports the token as active, or its answer identifies nothing
   */
  async identify(token: string, named: string | undefined): Promise<OpaqueIdentity | undefined> {
    const lists = this.#asked()
    const issuers = named === undefined ? (lists.length === 1 ? lists[0]! : []) : namedIn(lists.flat(), named)
    // A stored answer may reveal the owner even if no issuer may be asked.
    const holders = named === undefined ? [...new Set(lists.flat())] : issuers
    const first = (await this.#stored(token, holders)) ?? (await this.#activeAt(token, issuers))
    if (first === undefined) return undefined
    const { issuer, claims } = first
    const tokenId = member(claims, 'jti')
    if (tokenId !== undefined) return isName(tokenId) ? { issuer, by: 'jti', value: tokenId } : undefined
    const value = answerIdentity(claims)
    if (value === undefined) return undefined
    const waitMs = first.askedMs + APART_MS - Date.now()
    // The wait would exceed the minimum only if the clock was set back.
    if (waitMs > 0) await this.#wait(Math.min(waitMs, APART_MS))
    const second = await this.#activeAt(token, [issuer])
    return second !== undefined && answerIdentity(second.claims) === value ? { issuer, by: 'answer', value } : undefined
  }

  #stored(token: string, issuers: readonly IssuerRules[]): Promise<Answer | undefined> {
    return this.#only(issuers, (rules) => this.#answers.look(this.#answers.idOf(token, rules), OLDEST_MS))
  }

  #activeAt(token: string, issuers: readonly IssuerRules[]): Promise<Answer | undefined> {
    return this.#only(issuers, async (rules) => {
      const question = { token, rules, freshMs: rules.introspection!.cacheMs, claims: undefined, asker: rechecks }
      const asked = await this.#answers.again(this.#answers.idOf(token, rules), question)
      return asked.fault === undefined ? asked : undefined
    })
  }

  /** The only active answer; `undefined` if there is none, or several issuers report the token as active. */
  async #only(
    issuers: readonly IssuerRules[],
    ask: (rules: IssuerRules) => Promise<Asked | undefined>,
  ): Promise<Answer | undefined> {
    const answers = await Promise.all(issuers.map(ask))
    const active = answers.flatMap((asked, i) =>
      asked?.answer?.active === true
        ? [{ issuer: issuers[i]!, claims: asked.answer.claims, askedMs: asked.askedMs }]
        : [],
    )
    return active.length === 1 ? active[0] : undefined
  }
}

/** Finds an issuer by name, or else by identifier. Both are unique. */
function namedIn(issuers: readonly IssuerRules[], named: string): readonly IssuerRules[] {
  const one = issuers.find(({ name }) => name === named) ?? issuers.find(({ issuer }) => issuer === named)
  return one === undefined ? [] : [one]
}
