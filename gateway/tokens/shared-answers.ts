import type { Sealer } from '../base/sealer.ts'
import type { IntrospectionAnswer } from '../oauth/introspection.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'

/** An introspection response and its age, ms, counted from the request. */
export interface AgedAnswer {
  readonly answer: IntrospectionAnswer
  readonly ageMs: number
}

/** The exclusive right to introspect a token at its issuer, until its lease expires. */
export interface LockHolder {
  readonly kind: 'ask'
  readonly fence: string
  /** Time of the introspection request by the clock of Redis, ms since the Unix epoch. */
  readonly askedAtMs: string
  readonly old: AgedAnswer | undefined
  /** The token as a previous caller stored it. Callers that know only the hash of the token need this text. */
  readonly token: string | undefined
}

export type LockOutcome =
  | LockHolder
  | { readonly kind: 'known'; readonly known: AgedAnswer }
  | { readonly kind: 'failed'; readonly why: string; readonly leftMs: number; readonly old: AgedAnswer | undefined }
  | { readonly kind: 'wait'; readonly leftMs: number }
  | { readonly kind: 'none' }

export interface LockOptions {
  /** Maximum age of an acceptable stored response, ms. */
  readonly oldestMs: number
  /**
   * Time since the caller began to wait, ms. A stored response is accepted if its introspection request was sent after
   * that.
   */
  readonly waitedMs: number
  /** Lease of the lock, ms. With 0, the call only reads and acquires no lock. */
  readonly leaseMs: number
}

/**
 * Introspection responses that the cluster shares in Redis. The responses are encrypted and stored under keyed hashes
 * of issuer and token. A lock lets only one caller at a time introspect a token.
 */
export class SharedAnswers {
  readonly #keys: RedisKeys
  readonly #sealer: Sealer
  readonly #begin: RedisScript
  readonly #end: RedisScript

  constructor(store: RedisClient, keys: RedisKeys, sealer: Sealer) {
    this.#keys = keys
    this.#sealer = sealer
    this.#begin = store.script(new URL('./begin-introspection.lua', import.meta.url))
    this.#end = store.script(new URL('./end-introspection.lua', import.meta.url))
  }

  /**
   * Returns a stored response, or acquires the lock to introspect the token.
   *
   * @param id  keyed hash of issuer and token
   * @throws {RedisFault} as a rejection
   */
  async begin(id: string, { oldestMs, waitedMs, leaseMs }: LockOptions): Promise<LockOutcome> {
    const key = this.#keys.introspected(id)
    const ask = async (oldest: number, waited: number): Promise<LockOutcome> => {
      const reply = await this.#begin.buffers([key], [Math.round(oldest), Math.floor(waited), Math.round(leaseMs)])
      return this.#turn(reply as (Buffer | number)[], key)
    }
    const turn = await ask(oldestMs, waitedMs)
    // Request a new response: none of the configured keys can decrypt the stored one.
    return turn.kind === 'known' && turn.known.ageMs < 0 ? ask(0, -1) : turn
  }

  /**
   * Stores an introspection response and releases the lock.
   *
   * @param lifeMs  time for which the response is valid, ms
   * @param keepMs  time for which the response is stored, ms; longer, so that it can be used while the issuer is
   *   unavailable
   * @param token   token, stored for the next caller that refreshes the response; `undefined` for none
   * @throws {RedisFault} as a rejection
   */
  async tell(
    id: string,
    { fence, askedAtMs }: LockHolder,
    answer: IntrospectionAnswer,
    { lifeMs, keepMs, token }: { readonly lifeMs: number; readonly keepMs: number; readonly token: string | undefined },
  ): Promise<void> {
    const key = this.#keys.introspected(id)
    const sealed = this.#sealer.seal(JSON.stringify(answer), placeOfAnswer(key, askedAtMs))
    const sealedToken = token === undefined ? '' : this.#sealer.seal(token, placeOfToken(key))
    await this.#end([key], [fence, askedAtMs, sealed, Math.round(lifeMs), Math.round(keepMs), sealedToken])
  }

  /**
   * Stores that the issuer could not be reached, and releases the lock. No caller retries for `rememberMs`.
   *
   * @throws {RedisFault} as a rejection
   */
  async fail(id: string, { fence, askedAtMs }: LockHolder, why: string, rememberMs: number): Promise<void> {
    await this.#end([this.#keys.introspected(id)], [fence, askedAtMs, '', why, rememberMs, ''])
  }

  #turn([kind, ...rest]: (Buffer | number)[], key: string): LockOutcome {
    switch (String(kind)) {
      case 'known':
        return { kind: 'known', known: this.#aged(rest, key) ?? unreadable }
      case 'failed': {
        const [why, leftMs, ...old] = rest
        return { kind: 'failed', why: String(why), leftMs: Number(leftMs), old: this.#aged(old, key) }
      }
      case 'wait':
        return { kind: 'wait', leftMs: Number(rest[0]) }
      case 'ask': {
        const [fence, askedAtMs, token, ...old] = rest
        return {
          kind: 'ask',
          fence: String(fence),
          askedAtMs: String(askedAtMs),
          old: this.#aged(old, key),
          token: this.#sealer.open(token as Buffer, placeOfToken(key)),
        }
      }
      default:
        return { kind: 'none' }
    }
  }

  #aged([sealed, askedAtMs, ageMs]: (Buffer | number)[], key: string): AgedAnswer | undefined {
    const text = this.#sealer.open(sealed as Buffer, placeOfAnswer(key, String(askedAtMs)))
    return text === undefined ? undefined : { answer: JSON.parse(text) as IntrospectionAnswer, ageMs: Number(ageMs) }
  }
}

const unreadable: AgedAnswer = { answer: { active: false, ended: false, claims: {} }, ageMs: -1 }

/**
 * Returns the context to which the encryption binds an introspection response. It includes the time of the request, so
 * that a writer in Redis cannot make an old response valid again.
 */
const placeOfAnswer = (key: string, askedAtMs: string): string => `${key} answer ${askedAtMs}`
const placeOfToken = (key: string): string => `${key} token`
