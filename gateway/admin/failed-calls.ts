import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import { addressKey } from '../base/address-key.ts'
import { foldMapped, parseAddress, unknownAddress } from '../base/addresses.ts'
import { AddressLimit } from '../limits/address-limit.ts'

/** Failed calls of one address: at once, and a second after that. */
const BURST = 60
const PER_SECOND = 1
/** Failed calls of all addresses that are logged and audited one by one. */
const LOGGED_BURST = 200
const LOGGED_PER_SECOND = 20
/** Wrong tokens of an address, lately, whose replies are not delayed. */
const PROMPT_MAX = 5
/** Delay of the reply to each further wrong token, ms for each that came before it, and at most. */
const DELAY_STEP_MS = 20
const DELAY_MAX_MS = 1000
/** Replies that are delayed at once. More are sent without a delay: each takes a connection, and there are 256. */
const DELAYED_MAX = 32
/** A token that was accepted from an address is taken from there for this long, ms, however many fail there. */
const KNOWN_MS = 10 * 60_000
const KNOWN_MAX = 256

/** A call as far as it decides about its limit. */
export interface Presented {
  readonly address: Uint8Array
  /** Hash of the `Authorization` field; `undefined` without one. */
  readonly token: string | undefined
}

/** What is to be done about a failed call. */
export interface Failure {
  /** Whether it has a log line and an audit record of its own. */
  readonly recorded: boolean
  /** How long its reply is held back, ms. */
  readonly delayMs: number
}

/**
 * Bounds what callers without a valid token can cause: checks of tokens, log lines and audit records. Calls without a token
 * and calls with a wrong one count apart, so that a web page, which can send none, keeps no operator out. Of one node.
 */
export class FailedCalls {
  readonly #without: AddressLimit
  readonly #wrong: AddressLimit
  readonly #logged: AddressLimit
  readonly #now: () => number
  /** By address and token: until when it is taken for known, monotonic ms. In the order of their last use. */
  readonly #known = new Map<string, number>()
  #delayed = 0

  /** @param now  monotonic clock, ms */
  constructor(now: () => number = () => performance.now()) {
    const each = { perSecond: PER_SECOND, burst: BURST, now }
    this.#without = new AddressLimit(each)
    this.#wrong = new AddressLimit(each)
    this.#logged = new AddressLimit({ perSecond: LOGGED_PER_SECOND, burst: LOGGED_BURST, now })
    this.#now = now
  }

  /** Seconds. */
  readonly retryAfterS = Math.ceil(1 / PER_SECOND)

  /** Whether the address has run up too many failures for this call to be looked at. */
  exhausted({ address, token }: Presented): boolean {
    if (token === undefined) return this.#without.exhausted(address)
    return this.#wrong.exhausted(address) && !this.#isKnown(address, token)
  }

  /** The token was accepted. */
  succeeded({ address, token }: Presented): void {
    if (token === undefined) return
    const key = keyOf(address, token)
    this.#known.delete(key)
    this.#known.set(key, this.#now() + KNOWN_MS)
    if (this.#known.size <= KNOWN_MAX) return
    const [oldest] = this.#known.keys()
    this.#known.delete(oldest!)
  }

  /** The call ended before it was known who calls. */
  failed({ address, token }: Presented): Failure {
    const limit = token === undefined ? this.#without : this.#wrong
    limit.charge(address)
    if (token !== undefined) this.#known.delete(keyOf(address, token))
    return {
      recorded: this.mayRecord(),
      delayMs: token === undefined ? 0 : delayOf(BURST - limit.left(address)),
    }
  }

  /** Takes room for one more log line and audit record of a call whose caller is not known. */
  mayRecord(): boolean {
    if (this.#logged.exhausted(unknownAddress)) return false
    this.#logged.charge(unknownAddress)
    return true
  }

  /** Waits before the reply to a wrong token, unless too many wait. */
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

export function presentedBy({ headers, socket }: IncomingMessage): Presented {
  const { authorization } = headers
  const address = parseAddress(socket.remoteAddress ?? '')
  return {
    address: address === undefined ? unknownAddress : foldMapped(address),
    token: authorization === undefined ? undefined : createHash('sha256').update(authorization).digest('base64'),
  }
}
