import { setTimeout as sleep } from 'node:timers/promises'
import { rechecks } from '../issuers/question-queue.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { isName } from '../oauth/name.ts'
import { answerIdentity, type OpaqueIdentity } from '../oauth/opaque-identity.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Asked, TokenAnswers } from './token-answers.ts'

export interface OpaqueTokensParts {
  readonly answers: Pick<TokenAnswers, 'idOf' | 'look' | 'again'>
  /** The lists of issuers that the routes of the policy in force ask about opaque tokens, each once. */
  readonly asked: () => readonly (readonly IssuerRules[])[]
  /** Waits that many ms. Default: real time. */
  readonly wait?: ((ms: number) => Promise<unknown>) | undefined
}

/**
 * Least time between two answers that are compared, ms. An issuer whose `iat` or `exp` is only the time of the question
 * gives other values then: both are whole seconds.
 */
const APART_MS = 1100
/** Oldest stored answer that is compared, ms. Answers are not kept longer than they count. */
const OLDEST_MS = 3_600_000

/** An active answer. */
interface Answer {
  readonly issuer: IssuerRules
  readonly claims: JsonObject
  /** When it was asked for, ms since the epoch. */
  readonly askedMs: number
}

/** Finds out by what an opaque token can be recognized under any text that its issuer takes for it. */
export class OpaqueTokens {
  readonly #answers: OpaqueTokensParts['answers']
  readonly #asked: OpaqueTokensParts['asked']
  readonly #wait: (ms: number) => Promise<unknown>

  constructor({ answers, asked, wait = (ms) => sleep(ms) }: OpaqueTokensParts) {
    this.#answers = answers
    this.#asked = asked
    this.#wait = wait
  }

  /**
   * By its `jti`, else by what the issuer answers, if two answers from different seconds agree. An answer that the
   * cluster has stored spares a question.
   *
   * @param named  name or identifier of the only issuer to ask. `undefined`: all issuers that the policy asks about an
   *   opaque token, if every service asks the same ones. An issuer must not learn tokens that no route sends it
   * @returns `undefined` where no issuer, or more than one, says that the token is active, or its answer identifies nothing
   */
  async identify(token: string, named: string | undefined): Promise<OpaqueIdentity | undefined> {
    const lists = this.#asked()
    const issuers = named === undefined ? (lists.length === 1 ? lists[0]! : []) : namedIn(lists.flat(), named)
    // Without a question the owner may be known although nobody may be asked.
    const holders = named === undefined ? [...new Set(lists.flat())] : issuers
    const first = (await this.#stored(token, holders)) ?? (await this.#activeAt(token, issuers))
    if (first === undefined) return undefined
    const { issuer, claims } = first
    const tokenId = member(claims, 'jti')
    if (tokenId !== undefined) return isName(tokenId) ? { issuer, by: 'jti', value: tokenId } : undefined
    const value = answerIdentity(claims)
    if (value === undefined) return undefined
    const waitMs = first.askedMs + APART_MS - Date.now()
    // More than the least time only if the clock was set back.
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

  /** The one active answer; `undefined` where there is none, or the token is active at several issuers. */
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

/** By name, else by identifier: both are unique. */
function namedIn(issuers: readonly IssuerRules[], named: string): readonly IssuerRules[] {
  const one = issuers.find(({ name }) => name === named) ?? issuers.find(({ issuer }) => issuer === named)
  return one === undefined ? [] : [one]
}
