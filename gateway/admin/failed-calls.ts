import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import { addressKey } from '../base/address-key.ts'
import { foldMapped, parseAddress, unknownAddress } from '../base/addresses.ts'
import { AddressLimit } from '../limits/address-limit.ts'
import { claimedConsoleSession } from './login/console-cookie.ts'

/**
 * Limits of failed admin API calls per client address: number of calls at once, and number per second after that. Calls
 * without a token and calls with an invalid token have separate budgets.
 */
const BURST = 60
const PER_SECOND = 1
/**
 * Limits of failed admin API calls, of all addresses together, that get a log line and an audit record: number at once,
 * and number per second after that.
 */
const LOGGED_BURST = 200
const LOGGED_PER_SECOND = 20
/**
 * Number of recent calls with an invalid token from one client address up to which the admin API does not delay its
 * replies.
 */
const PROMPT_MAX = 5
/**
 * Each recent admin API call with an invalid token above `PROMPT_MAX` delays the reply by this time, ms.
 * `DELAY_MAX_MS`: maximum delay, ms.
 */
const DELAY_STEP_MS = 20
const DELAY_MAX_MS = 1000
/**
 * Maximum number of admin API replies to invalid tokens that are delayed at the same time. Further replies are sent
 * without delay, because each delayed reply occupies one of the 256 connections of the admin listener.
 */
const DELAYED_MAX = 32
/**
 * For this time (ms) after a token was accepted from a client address, calls with this token from this address are
 * processed, also when too many other calls from the address failed.
 */
const KNOWN_MS = 10 * 60_000
const KNOWN_MAX = 256

/** Client address and token of an admin API call, by which failed calls are limited. */
export interface CallOrigin {
  readonly address: Uint8Array
  /**
   * Hash of the `Authorization` field, or else of the cookie by which the call claims a session of the console;
   * `undefined` when the call has neither.
   */
  readonly token: string | undefined
}

/** Consequences of an admin API call that failed before its caller was identified. */
export interface Failure {
  /** Whether the failed call gets a log line and an audit record. */
  readonly recorded: boolean
  /** Delay of the reply to the failed call, ms. */
  readonly delayMs: number
}

/**
 * Limits the token checks, log lines and audit records that callers without a valid token can cause. Counts calls
 * without a token separately from calls with an invalid token. A web page cannot send a token. So calls by a web page
 * in an operator's browser do not lock out the operator, who has the same address. Each node counts alone.
 */
export class FailedCalls {
  readonly #without: AddressLimit
  readonly #wrong: AddressLimit
  readonly #logged: AddressLimit
  readonly #now: () => number
  /**
   * Recently accepted admin tokens, ordered by last use. Key: client address and hash of the token; value: end of the
   * entry, monotonic, ms.
   *
   * @bound {@link KNOWN_MAX} tokens | the least recently used is forgotten | none
   */
  readonly #known = new Map<string, number>()
  #delayed = 0

  /** @param now monotonic clock, ms */
  constructor(now: () => number = () => performance.now()) {
    const each = { perSecond: PER_SECOND, burst: BURST, now }
    this.#without = new AddressLimit(each)
    this.#wrong = new AddressLimit(each)
    this.#logged = new AddressLimit({ perSecond: LOGGED_PER_SECOND, burst: LOGGED_BURST, now })
    this.#now = now
  }

  /** Value of the field `Retry-After` for a caller with too many failed calls, seconds. */
  readonly retryAfterS = Math.ceil(1 / PER_SECOND)

  /**
   * Whether an admin API call must be rejected without processing, because too many calls from its client address have
   * failed recently. False for a token that was accepted from this address in the last 10 minutes.
   */
  exhausted({ address, token }: CallOrigin): boolean {
    if (token === undefined) return this.#without.exhausted(address)
    return this.#wrong.exhausted(address) && !this.#isKnown(address, token)
  }

  /** Records that the admin API accepted the token from the client address. */
  succeeded({ address, token }: CallOrigin): void {
    if (token === undefined) return
    const key = keyOf(address, token)
    this.#known.delete(key)
    this.#known.set(key, this.#now() + KNOWN_MS)
    if (this.#known.size <= KNOWN_MAX) return
    const [oldest] = this.#known.keys()
    this.#known.delete(oldest!)
  }

  /** Charges the client address for an admin API call that ended before the caller was identified. */
  failed({ address, token }: CallOrigin): Failure {
    const limit = token === undefined ? this.#without : this.#wrong
    limit.charge(address)
    if (token !== undefined) this.#known.delete(keyOf(address, token))
    return {
      recorded: this.mayRecord(),
      delayMs: token === undefined ? 0 : delayOf(BURST - limit.left(address)),
    }
  }

  /**
   * Counts one call of an unauthenticated caller of the admin API towards the limit of log lines and audit records.
   *
   * @returns false when the limit is reached
   */
  mayRecord(): boolean {
    if (this.#logged.exhausted(unknownAddress)) return false
    this.#logged.charge(unknownAddress)
    return true
  }

  /** Delays the reply to an invalid token, unless `DELAYED_MAX` replies are already delayed. */
  async delay(ms: number): Promise<void> {
    if (ms === 0 || this.#delayed >= DELAYED_MAX) return
    this.#delayed++
    await new Promise<void>((resolve) => setTimeout(resolve, ms).unref())
    this.#delayed--
  }

  #isKnown(address: Uint8Array, token: string): boolean {
    const untilMs = this.#known.get(keyOf(address, token))
    return untilMs !== undefined && this.#now() < untilMs
  }
}

function delayOf(failures: number): number {
  return Math.min(DELAY_MAX_MS, DELAY_STEP_MS * Math.max(0, Math.ceil(failures) - PROMPT_MAX))
}

function keyOf(address: Uint8Array, token: string): string {
  return `${addressKey(address)} ${token}`
}

export function presentedBy({ headers, socket }: IncomingMessage): CallOrigin {
  return callOrigin(socket.remoteAddress, headers.authorization ?? claimedConsoleSession(headers))
}

/** Returns the origin of a call with a token that is not in the header, such as the token of a log-in. */
export function presentedAtLogIn({ socket }: IncomingMessage, token: string): CallOrigin {
  return callOrigin(socket.remoteAddress, `Bearer ${token}`)
}

function callOrigin(remoteAddress: string | undefined, credential: string | undefined): CallOrigin {
  const address = parseAddress(remoteAddress ?? '')
  return {
    address: address === undefined ? unknownAddress : foldMapped(address),
    token: credential === undefined ? undefined : createHash('sha256').update(credential).digest('base64'),
  }
}
