import { performance } from 'node:perf_hooks'
import { addressKey } from '../base/address-key.ts'
import { GatewayFault } from '../base/fault.ts'
import type { TokenReason } from '../base/reasons.ts'
import type { KeySource, TokenKeys, VerificationKey } from '../issuers/key-source.ts'
import { type Asker, rechecks } from '../issuers/question-queue.ts'
import { type ClaimedFacts, refusedFromMs, type TokenHeader } from '../oauth/access-token.ts'
import {
  type IntrospectionTerms,
  type IssuerRules,
  neverLookedUp,
  neverSaid,
  standsForGood,
  type TokenFacts,
} from '../oauth/token-facts.ts'
import { expiredWhileWaiting } from './expired-while-waiting.ts'
import { FactsCache } from './facts-cache.ts'
import { IntrospectedTokens, isSettled, type RefreshDesk } from './introspected-tokens.ts'
import { isOpaque, judgeToken } from './judge-token.ts'
import type { TokenAnswers } from './token-answers.ts'

export interface TokenVerifierParts {
  readonly keys: KeySource
  /** Tokens whose facts are kept. */
  readonly cacheEntries: number
  readonly tokenMaxBytes: number
  /** What issuers say of tokens. `undefined`: none is asked, and only JWTs are tokens. */
  readonly answers?: TokenAnswers | undefined
  readonly refresh?: RefreshDesk | undefined
  /** Whether a valid token came from that address in the last 10 minutes. Default: from none. */
  readonly isKnown?: ((address: Uint8Array, nowMs: number) => boolean) | undefined
}

/** For operators. */
export interface VerifierStatus {
  /** Tokens in the cache, and how many it can hold. */
  readonly cached: number
  readonly capacity: number
  /** Tokens whose signature was to be checked, so far. */
  readonly verifications: number
}

type Verification = TokenFacts | TokenReason

/** Verifications that later users of the same token can join. More than that go on, but each by itself. */
const maxShared = 1024

const nobodyAsked: IntrospectionTerms = Object.freeze({ asked: [], staleMs: undefined })

/**
 * Turns access tokens (RFC 9068, RFC 7519) into token facts. Facts are shared between routes; what a route makes of
 * them, its issuers too, is decided elsewhere, each time.
 */
export class TokenVerifier {
  readonly #keys: KeySource
  readonly #tokenMaxBytes: number
  readonly #cache: FactsCache
  readonly #introspected: IntrospectedTokens | undefined
  readonly #isKnown: (address: Uint8Array, nowMs: number) => boolean
  #proofs = 0
  readonly #underWay = new Map<string, { readonly rules: IssuerRules; readonly verification: Promise<Verification> }>()

  constructor({ keys, cacheEntries, tokenMaxBytes, answers, refresh, isKnown }: TokenVerifierParts) {
    this.#isKnown = isKnown ?? (() => false)
    this.#keys = keys
    this.#tokenMaxBytes = tokenMaxBytes
    this.#cache = new FactsCache(cacheEntries)
    this.#introspected = answers && new IntrospectedTokens({ cache: this.#cache, answers, refresh })
  }

  /**
   * A token that is known, or refused for what it says, is answered at once; a promise means that a signature is being
   * verified or keys are being fetched. A refusal is never kept: only verified tokens take memory.
   *
   * @param issuers  of the snapshot of the exchange. Facts count only under the very rules that judged them
   * @param nowMs    ms since the epoch
   * @param terms    of the route: whom to ask about a token that says nothing of itself
   * @param cause    `traceparent` of the exchange, where it is recorded
   * @param address  that sent the token. `undefined`: the gate itself knows the token, which no stranger sent
   * @returns the facts, or why the token is refused
   * @throws {GatewayFault} as a rejection: `issuer-unreachable` when the key is unknown and cannot be fetched,
   *   `introspection-unavailable` when an issuer cannot be asked about the token, `expired-while-waiting` when the token
   *   expired during the wait
   */
  verify(
    token: string,
    issuers: ReadonlyMap<string, IssuerRules>,
    nowMs: number,
    terms: IntrospectionTerms = nobodyAsked,
    cause?: string,
    address?: Uint8Array,
  ): Verification | Promise<Verification> {
    const known = this.#cache.find(token)
    if (known?.key.live === true && issuers.get(known.issuer.issuer) === known.issuer) {
      if (nowMs >= refusedFromMs(known)) return 'token-expired'
      const { standing } = known
      const isFresh = nowMs < standing.lookMs && nowMs >= standing.askedMs
      if (isFresh && (standing.form === 'jwt' || isSettled(known, terms))) return known
      return this.#introspected!.renew(token, known, terms, nowMs, cause)
    }
    return this.#judge(token, issuers, nowMs, terms, address)
  }

  /** Whether the token has been verified before and costs nothing now. Says nothing about whether it still counts. */
  knows(token: string): boolean {
    return this.#cache.find(token)?.key.live === true
  }

  /** Whether an issuer, and no signature, says if the token counts. */
  isIntrospected(token: string, { asked }: IntrospectionTerms): boolean {
    return asked.length > 0 && isOpaque(token)
  }

  status(): VerifierStatus {
    return { cached: this.#cache.size, capacity: this.#cache.capacity, verifications: this.#proofs }
  }

  #judge(
    token: string,
    issuers: ReadonlyMap<string, IssuerRules>,
    nowMs: number,
    terms: IntrospectionTerms,
    address: Uint8Array | undefined,
  ): Verification | Promise<Verification> {
    if (terms.asked.length > 0 && token.length <= this.#tokenMaxBytes && isOpaque(token)) {
      return this.#introspected?.identify(token, terms, nowMs, this.#askerAt(address, nowMs)) ?? 'token-malformed'
    }
    const judged = judgeToken(token, issuers, nowMs, this.#tokenMaxBytes)
    if (typeof judged === 'string') return judged
    const verification = this.#share(token, judged.header, judged.claimed, nowMs)
    if (this.#introspected === undefined || judged.claimed.issuer.recheckMs === undefined) return verification
    return this.#confirm(token, verification, terms, nowMs)
  }

  #askerAt(address: Uint8Array | undefined, nowMs: number): Asker {
    if (address === undefined) return rechecks
    return { kind: 'first', address: addressKey(address), known: this.#isKnown(address, nowMs) }
  }

  async #confirm(
    token: string,
    verification: Promise<Verification>,
    terms: IntrospectionTerms,
    nowMs: number,
  ): Promise<Verification> {
    const startedMs = performance.now()
    const verified = await verification
    if (typeof verified === 'string') return verified
    return this.#introspected!.confirm(token, verified, terms, nowMs + performance.now() - startedMs)
  }

  /** First uses of one token at the same time cost one verification. */
  #share(token: string, header: TokenHeader, claimed: ClaimedFacts, nowMs: number): Promise<Verification> {
    const shared = this.#underWay.get(token)
    if (shared?.rules === claimed.issuer) return shared.verification
    const verification = this.#prove(token, header, claimed, nowMs)
    if (shared !== undefined || this.#underWay.size >= maxShared) return verification
    const ended = verification.finally(() => this.#underWay.delete(token))
    this.#underWay.set(token, { rules: claimed.issuer, verification: ended })
    return ended
  }

  async #prove(token: string, header: TokenHeader, claimed: ClaimedFacts, nowMs: number): Promise<Verification> {
    this.#proofs++
    const startedMs = performance.now()
    const keys = this.#keys.keySetOf(claimed.issuer)
    let candidates = keys.candidates(header.keyId, header.algorithm)
    if (candidates.length === 0) candidates = await refetched(keys, header, claimed.issuer)
    const key = await signerAmong(candidates, token)
    if (key === undefined) return candidates.length === 0 ? 'token-key-unknown' : 'token-signature'
    // Waiting takes time, in which the issuer may have withdrawn the key and the token may have run out.
    if (!key.live) return 'token-key-unknown'
    const laterMs = nowMs + performance.now() - startedMs
    if (laterMs >= refusedFromMs(claimed)) throw expiredWhileWaiting(claimed.issuer)
    const facts: TokenFacts = {
      ...claimed,
      key,
      standing: standsForGood,
      derived: [],
      revocation: neverLookedUp(),
      texts: neverSaid(),
    }
    // Kept once its issuer has said that it counts, where that is asked.
    if (claimed.issuer.recheckMs === undefined || this.#introspected === undefined) {
      this.#cache.insert(token, facts, laterMs)
    }
    return facts
  }
}

async function refetched(
  keys: TokenKeys,
  { keyId, algorithm }: TokenHeader,
  { name }: IssuerRules,
): Promise<readonly VerificationKey[]> {
  if ((await keys.refetch()) === 'failed') {
    throw new GatewayFault('issuer-unreachable', 'issuer', `the keys of issuer ${name} cannot be fetched`)
  }
  return keys.candidates(keyId, algorithm)
}

async function signerAmong(
  candidates: readonly VerificationKey[],
  token: string,
): Promise<VerificationKey | undefined> {
  try {
    for (const key of candidates) if (await key.verify(token)) return key
  } catch (cause) {
    throw new GatewayFault('node-fault', 'node', 'a signature could not be checked', { cause })
  }
  return undefined
}
