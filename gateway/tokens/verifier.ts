import { performance } from 'node:perf_hooks'
import { addressKey } from '../base/address-key.ts'
import { GatewayFault } from '../base/fault.ts'
import type { VerificationReason } from '../base/reasons.ts'
import type { KeySource, TokenKeys, VerificationKey } from '../issuers/key-source.ts'
import { type Asker, rechecks } from '../issuers/question-queue.ts'
import { type ClaimedFacts, refusedFromMs, type TokenHeader } from '../oauth/access-token.ts'
import {
  type IntrospectionTerms,
  type IssuerRules,
  neverIntrospected,
  noRevocationLookup,
  noTexts,
  type TokenFacts,
} from '../oauth/token-facts.ts'
import { expiredWhileWaitingFault } from './expired-while-waiting.ts'
import { FactsCache } from './facts-cache.ts'
import { IntrospectedTokens, isSettled, type RefreshService } from './introspected-tokens.ts'
import type { TokenAnswers } from './token-answers.ts'
import { isOpaque, validateToken } from './validate-token.ts'

export interface TokenVerifierDependencies {
  readonly keys: KeySource
  /** Maximum number of tokens whose facts are cached. */
  readonly cacheEntries: number
  readonly tokenMaxBytes: number
  /** Introspection responses. When `undefined`, no token is introspected and only JWTs are accepted. */
  readonly answers?: TokenAnswers | undefined
  readonly refresh?: RefreshService | undefined
  /** Whether a valid token or session came from the address within the last 10 minutes. Default: always false. */
  readonly isKnown?: ((address: Uint8Array, nowMs: number) => boolean) | undefined
}

/** Status of the token verification, shown to operators. */
export interface VerifierStatus {
  /** Number of cached tokens; `capacity` is the maximum. */
  readonly cached: number
  readonly capacity: number
  /** Number of signature verifications since the start of the process. */
  readonly verifications: number
}

type Verification = TokenFacts | VerificationReason

/**
 * Maximum number of running verifications that other callers can share. Above this number, each caller verifies the
 * token itself.
 */
const maxShared = 1024

const nobodyAsked: IntrospectionTerms = Object.freeze({ asked: [], staleMs: undefined })

/**
 * Turns access tokens (RFC 9068, RFC 7519) into token facts. All routes share the facts of a token. Each request is
 * authorized separately, including the check of the accepted issuers.
 */
export class TokenVerifier {
  readonly #keys: KeySource
  readonly #tokenMaxBytes: number
  /**
   * Facts of valid tokens.
   *
   * @bound `tokens.cache` | an entry of the same set is dropped | gatehouse_token_cache_entries
   */
  readonly #cache: FactsCache
  readonly #introspected: IntrospectedTokens | undefined
  readonly #isKnown: (address: Uint8Array, nowMs: number) => boolean
  #proofs = 0
  /**
   * Verifications in progress, which requests with the same token share.
   *
   * @bound 1,024 tokens | a further verification is not shared | none
   */
  readonly #underWay = new Map<string, { readonly rules: IssuerRules; readonly verification: Promise<Verification> }>()

  constructor({ keys, cacheEntries, tokenMaxBytes, answers, refresh, isKnown }: TokenVerifierDependencies) {
    this.#isKnown = isKnown ?? (() => false)
    this.#keys = keys
    this.#tokenMaxBytes = tokenMaxBytes
    this.#cache = new FactsCache(cacheEntries)
    this.#introspected = answers && new IntrospectedTokens({ cache: this.#cache, answers, refresh })
  }

  /**
   * Verifies a token. The result for cached and malformed tokens is synchronous. A promise means that a signature is
   * verified, keys are fetched, or a token is introspected. Only verified tokens enter the cache.
   *
   * @param issuers  issuers of the exchange's snapshot. Facts are valid only under the same rules objects
   * @param nowMs    current time, ms since the Unix epoch
   * @param terms    terms of the route: the issuers at which an opaque token is introspected
   * @param cause    `traceparent` of the exchange, if the exchange is traced
   * @param address  address that sent the token; `undefined` for a token from the gate itself, such as the token of a
   *   session
   * @returns the facts, or the reason why the token is rejected
   * @throws {GatewayFault} as a rejection: `issuer-unreachable` when the key is unknown and cannot be fetched,
   *   `introspection-unavailable` when the token cannot be introspected, `expired-while-waiting` when the token expired
   *   during the wait
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
      const { introspection } = known
      const isFresh = nowMs < introspection.lookMs && nowMs >= introspection.askedMs
      if (isFresh && (introspection.form === 'jwt' || isSettled(known, terms))) return known
      return this.#introspected!.renew(token, known, terms, nowMs, cause)
    }
    return this.#validate(token, issuers, nowMs, terms, address)
  }

  /**
   * Whether the facts of the token are cached, so that no signature check is needed. The token may have become invalid
   * since.
   */
  knows(token: string): boolean {
    return this.#cache.find(token)?.key.live === true
  }

  /** Whether the facts of the token are cached, and the token is neither expired nor revoked. */
  holdsValid(token: string, nowMs: number): boolean {
    const known = this.#cache.find(token)
    return known?.key.live === true && !known.revocation.revoked && nowMs < refusedFromMs(known)
  }

  /** Whether the token is verified by introspection instead of a signature. */
  isIntrospected(token: string, { asked }: IntrospectionTerms): boolean {
    return asked.length > 0 && isOpaque(token)
  }

  status(): VerifierStatus {
    return { cached: this.#cache.size, capacity: this.#cache.capacity, verifications: this.#proofs }
  }

  #validate(
    token: string,
    issuers: ReadonlyMap<string, IssuerRules>,
    nowMs: number,
    terms: IntrospectionTerms,
    address: Uint8Array | undefined,
  ): Verification | Promise<Verification> {
    if (terms.asked.length > 0 && token.length <= this.#tokenMaxBytes && isOpaque(token)) {
      return this.#introspected?.identify(token, terms, nowMs, this.#askerAt(address, nowMs)) ?? 'token-malformed'
    }
    const judged = validateToken(token, issuers, nowMs, this.#tokenMaxBytes)
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

  /** Runs one verification for all concurrent first uses of a token. */
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
    // Check the facts again: while the signature was verified, the issuer may have withdrawn the key, or the token may
    // have expired.
    if (!key.live) return 'token-key-unknown'
    const laterMs = nowMs + performance.now() - startedMs
    if (laterMs >= refusedFromMs(claimed)) throw expiredWhileWaitingFault(claimed.issuer)
    const facts: TokenFacts = {
      ...claimed,
      key,
      introspection: neverIntrospected,
      derived: [],
      revocation: noRevocationLookup(),
      texts: noTexts(),
    }
    // With `recheck`, cache the facts only after the issuer has reported the token as active.
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
    throw new GatewayFault('issuer-unreachable', 'issuer', `the signing keys of issuer ${name} cannot be fetched`)
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
    throw new GatewayFault('node-fault', 'node', 'the signature check of a token failed with an internal error', {
      cause,
    })
  }
  return undefined
}
