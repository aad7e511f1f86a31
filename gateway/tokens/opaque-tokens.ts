import { setTimeout as sleep } from 'node:timers/promises'
import { rechecks } from '../issuers/question-queue.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { isName } from '../oauth/name.ts'
import { answerIdentity, type OpaqueIdentity } from '../oauth/opaque-identity.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Asked, TokenAnswers } from './token-answers.ts'

export interface OpaqueTokensDependencies {
  readonly answers: Pick<TokenAnswers, 'idOf' | 'look' | 'again'>
  /** Returns the distinct lists of issuers at which routes of the policy in force introspect opaque tokens. */
  readonly asked: () => readonly (readonly IssuerRules[])[]
  /** Waits for a number of ms. Default: real time. */
  readonly wait?: ((ms: number) => Promise<unknown>) | undefined
}

/**
 * Minimum time between the two introspections whose responses are compared, ms. An issuer that sets `iat` or `exp` from
 * the time of the request then returns different values, because both are whole seconds.
 */
const APART_MS = 1100
/**
 * Maximum age of a stored introspection response for the comparison, ms. Responses are not stored for longer than they
 * are valid.
 */
const OLDEST_MS = 3_600_000

/** Introspection response for an active token. */
interface Answer {
  readonly issuer: IssuerRules
  readonly claims: JsonObject
  /** Time of the introspection request, ms since the Unix epoch. */
  readonly askedMs: number
}

/** Finds a property that identifies an opaque token even if its issuer accepts the token in several spellings. */
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
   * Identifies a token by its `jti`, or else by the issuer's introspection response, if two responses from different
   * seconds agree. A response that the cluster has stored saves one introspection.
   *
   * @param named  name or identifier of the only issuer to call. `undefined` means all issuers at which the policy
   *   introspects opaque tokens, provided that the list is the same for every service: an issuer must not learn tokens
   *   that no route sends to it
   * @returns `undefined` when no issuer or more than one reports the token as active, or when the response identifies
   *   nothing
   */
  async identify(token: string, named: string | undefined): Promise<OpaqueIdentity | undefined> {
    const lists = this.#asked()
    const issuers = named === undefined ? (lists.length === 1 ? lists[0]! : []) : namedIn(lists.flat(), named)
    // Read the stored response even if no issuer may receive the token: the response can reveal the issuer of the
    // token.
    const holders = named === undefined ? [...new Set(lists.flat())] : issuers
    const first = (await this.#stored(token, holders)) ?? (await this.#activeAt(token, issuers))
    if (first === undefined) return undefined
    const { issuer, claims } = first
    const tokenId = member(claims, 'jti')
    if (tokenId !== undefined) return isName(tokenId) ? { issuer, by: 'jti', value: tokenId } : undefined
    const value = answerIdentity(claims)
    if (value === undefined) return undefined
    const waitMs = first.askedMs + APART_MS - Date.now()
    // Limit the wait: a longer wait is computed only if the clock was set back.
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

  /** Returns the only active response; `undefined` if no issuer or several issuers report the token as active. */
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

/**
 * Finds an issuer by its name, or else by its identifier; names and identifiers are unique. Returns an empty list if no
 * issuer has this name or identifier.
 */
function namedIn(issuers: readonly IssuerRules[], named: string): readonly IssuerRules[] {
  const one = issuers.find(({ name }) => name === named) ?? issuers.find(({ issuer }) => issuer === named)
  return one === undefined ? [] : [one]
}
