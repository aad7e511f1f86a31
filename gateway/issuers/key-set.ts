import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { discoverKeySetUrl } from './discovery.ts'
import type { FetchQueue, FetchTurn } from './fetch-queue.ts'
import type { IssuerClient } from './issuer-client.ts'
import type { FetchOutcome, JwtSender, TokenKeys, VerificationKey } from './key-source.ts'
import type { IgnoredKey } from './published-key.ts'
import { PublishedKeySet } from './published-key-set.ts'

/** @param fields  never secrets */
export type IssuerLog = (level: 'info' | 'warn', message: string, fields: Record<string, unknown>) => void

/** All in ms. */
export interface KeySetTimes {
  /** Least time from the end of one fetch to the next that tokens can cause. */
  readonly cooldownMs: number
  /** Time between fetches that nobody asked for, ± 10 %. */
  readonly refreshMs: number
  /** For one fetch, discovery and all, from its turn in the queue on. A token waits no longer for that turn. */
  readonly timeoutMs: number
}

/** Of one issuer, for operators. */
export interface KeySetStatus {
  readonly issuer: string
  readonly keys: number
  readonly ignored: number
  /** How the last fetch ended; `undefined` before the first. */
  readonly outcome: FetchOutcome | undefined
  /** Since the last fetch that succeeded, ms. */
  readonly ageMs: number | undefined
  /** What the last fetch failed with. */
  readonly error: string | undefined
}

/** Least time between two fetches that JWTs sent by the issuer cause, ms. */
const ISSUER_COOLDOWN_MS = 1000

/** JWTs sent by anyone that may wait for the end of the cooldown at a time, for each issuer. */
const WAITING_MAX = 64

/** Longest delay of a timer. */
const maxDelayMs = 2 ** 31 - 1

/**
 * The keys that one issuer publishes, kept fresh.
 *
 * While fetches fail, the last good keys go on until they are `keysStaleMs` old; then they are retired, and their
 * tokens wait for the issuer (503). A key that a good fetch no longer has is retired at once. Ages are by the monotonic
 * clock.
 */
export class KeySet implements TokenKeys {
  readonly #rules: IssuerRules
  readonly #client: IssuerClient
  readonly #times: KeySetTimes
  readonly #log: IssuerLog
  readonly #queue: FetchQueue

  #published = PublishedKeySet.empty
  #started = false
  #fetching: Promise<FetchOutcome> | undefined
  /** Of the fetch under way. */
  #turn: FetchTurn | undefined
  /** The fetch under way, as tokens wait for it. */
  #awaited: Promise<FetchOutcome> | undefined
  #waiting = 0
  #outcome: FetchOutcome | undefined
  #endedMs = 0
  #succeededMs: number | undefined
  #failures = 0
  #error: string | undefined
  readonly #task = new Supervisor('issuer-keys')
  /** Each cancels its timer. */
  #refreshTimer: (() => void) | undefined
  #staleTimer: (() => void) | undefined

  constructor(rules: IssuerRules, client: IssuerClient, times: KeySetTimes, log: IssuerLog, queue: FetchQueue) {
    this.#rules = rules
    this.#client = client
    this.#times = times
    this.#log = log
    this.#queue = queue
  }

  /** Fetches the keys, and from then on refreshes them until `close`. Nobody has to wait for it. */
  start(): void {
    if (this.#started) return
    this.#started = true
    void this.#task.run(() => this.#refreshed())
  }

  candidates(keyId: string | undefined, algorithm: string): readonly VerificationKey[] {
    return this.#published.candidates(keyId, algorithm)
  }

  /** Within the cooldown the outcome of the last fetch stands, whoever caused it. */
  refetch(): Promise<FetchOutcome> {
    const cooling = this.#leftMs(this.#times.cooldownMs) > 0
    if (this.#fetching === undefined && cooling && this.#outcome !== undefined) return Promise.resolve(this.#outcome)
    return this.#refetchNow()
  }

  /**
   * Waits for 1 s after the last fetch where the issuer sent the JWT, else for the cooldown. Beyond 64 waiting requests, and
   * after a fetch that failed, as `refetch`.
   */
  async refetchFor(sender: JwtSender): Promise<FetchOutcome> {
    const { cooldownMs } = this.#times
    const fromIssuer = sender === 'issuer'
    const leftMs = this.#leftMs(fromIssuer ? Math.min(cooldownMs, ISSUER_COOLDOWN_MS) : cooldownMs)
    if (this.#outcome !== 'succeeded' || (!fromIssuer && this.#waiting >= WAITING_MAX)) return this.refetch()
    if (this.#fetching === undefined && leftMs > 0) {
      const endedMs = this.#endedMs
      if (!fromIssuer) this.#waiting++
      await new Promise<void>((resolve) => this.#task.after(leftMs, resolve))
      if (!fromIssuer) this.#waiting--
      // Another caller has fetched meanwhile.
      if (this.#endedMs !== endedMs) return this.#outcome
    }
    return this.#refetchNow()
  }

  #leftMs(cooldownMs: number): number {
    return this.#endedMs + cooldownMs - performance.now()
  }

  #refetchNow(): Promise<FetchOutcome> {
    const fetching = this.#fetch(false)
    this.#turn?.hurry()
    if (this.#turn?.begun !== false) return fetching
    this.#awaited ??= this.#waitForTurn(this.#turn, fetching)
    return this.#awaited
  }

  /** Gives up after `timeoutMs` in the queue. That says nothing about the issuer, so its state stays as it is. */
  #waitForTurn(turn: FetchTurn, fetching: Promise<FetchOutcome>): Promise<FetchOutcome> {
    const { promise, resolve } = Promise.withResolvers<FetchOutcome>()
    const cancel = this.#task.after(this.#times.timeoutMs, () => {
      if (!turn.begun) resolve('failed')
    })
    fetching.finally(cancel).then(resolve, () => resolve('failed'))
    return promise
  }

  /** Keys of the last good fetch that are of no use, and why. */
  get ignored(): readonly IgnoredKey[] {
    return this.#published.ignored
  }

  status(): KeySetStatus {
    return {
      issuer: this.#rules.name,
      keys: this.#published.keys.length,
      ignored: this.#published.ignored.length,
      outcome: this.#outcome,
      ageMs: this.#succeededMs === undefined ? undefined : Math.round(performance.now() - this.#succeededMs),
      error: this.#error,
    }
  }

  /** Ends refreshing. The keys stay as they are, for exchanges in an older snapshot. */
  close(): void {
    this.#started = false
    this.#refreshTimer?.()
    this.#staleTimer?.()
    this.#staleTimer = undefined
  }

  /** A fetch that was not caused by a token. */
  async #refreshed(): Promise<void> {
    if (this.#started) await this.#fetch(true)
  }

  #fetch(background: boolean): Promise<FetchOutcome> {
    this.#fetching ??= this.#inTurn(background).finally(() => {
      this.#fetching = undefined
      this.#awaited = undefined
      this.#turn = undefined
    })
    return this.#fetching
  }

  async #inTurn(background: boolean): Promise<FetchOutcome> {
    this.#refreshTimer?.()
    const turn = this.#queue.enter(background)
    this.#turn = turn
    await turn.granted
    try {
      // The policy has dropped the issuer while the fetch waited, and no token asks for it.
      if (turn.background && !this.#started) return this.#outcome ?? 'failed'
      return await this.#attempt()
    } finally {
      turn.done()
    }
  }

  async #attempt(): Promise<FetchOutcome> {
    try {
      const signal = AbortSignal.timeout(this.#times.timeoutMs)
      const url = await discoverKeySetUrl(this.#client, this.#rules, signal)
      const document = await this.#client.getJson(url, signal)
      if (document === undefined) throw new Error(`no key set at ${url}`)
      this.#succeed(await PublishedKeySet.read(document, this.#rules.algorithms, this.#published))
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error))
    }
    this.#endedMs = performance.now()
    this.#schedule()
    return this.#outcome!
  }

  #succeed(published: PublishedKeySet): void {
    const before = this.#published
    this.#published = published
    before.retireBut(published)
    if (this.#outcome !== 'succeeded' || !isSame(before, published)) this.#logKeys(published)
    this.#outcome = 'succeeded'
    this.#succeededMs = performance.now()
    this.#failures = 0
    this.#error = undefined
    this.#staleTimer?.()
    this.#staleTimer = undefined
  }

  #logKeys({ keys, ignored }: PublishedKeySet): void {
    const issuer = this.#rules.name
    this.#log('info', 'issuer keys read', { issuer, keys: [...new Set(keys.map((key) => key.keyId ?? null))] })
    if (ignored.length > 0) this.#log('warn', 'issuer keys ignored', { issuer, ignored })
  }

  #fail(error: string): void {
    // An outage is told once, and again when it changes its face.
    if (error !== this.#error && this.#started) {
      this.#log('warn', 'issuer keys cannot be read', { issuer: this.#rules.name, error })
    }
    this.#outcome = 'failed'
    this.#failures += 1
    this.#error = error
    this.#staleTimer ??= this.#expireLater()
  }

  #expireLater(): (() => void) | undefined {
    if (this.#succeededMs === undefined) return undefined
    const leftMs = this.#succeededMs + this.#rules.keysStaleMs - performance.now()
    return this.#task.after(Math.max(0, Math.min(leftMs, maxDelayMs)), () => this.#expire())
  }

  #expire(): void {
    this.#published.retireBut(PublishedKeySet.empty)
    this.#published = PublishedKeySet.empty
    this.#log('warn', 'issuer keys too old to be used', { issuer: this.#rules.name, error: this.#error })
  }

  /** After failures sooner than usual, but more and more patiently. */
  #schedule(): void {
    if (!this.#started) return
    const { cooldownMs, refreshMs } = this.#times
    // Keys that may not grow old are asked for often enough that one failed fetch does not end them.
    const usualMs = Math.min(refreshMs, Math.max(cooldownMs, this.#rules.keysStaleMs / 3))
    const delayMs = this.#failures === 0 ? usualMs : Math.min(usualMs, cooldownMs * 2 ** Math.min(this.#failures, 20))
    this.#refreshTimer = this.#task.after(delayMs * (0.9 + Math.random() * 0.2), () =>
      this.#task.run(() => this.#refreshed()),
    )
  }
}

function isSame(a: PublishedKeySet, b: PublishedKeySet): boolean {
  if (a.keys.length !== b.keys.length || !a.keys.every((key) => b.keys.includes(key))) return false
  return JSON.stringify(a.ignored) === JSON.stringify(b.ignored)
}
