import { performance } from 'node:perf_hooks'
import { Supervisor } from '../base/supervisor.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { discoverKeySetUrl } from './discovery.ts'
import type { FetchQueue, FetchSlot } from './fetch-queue.ts'
import type { IssuerClient } from './issuer-client.ts'
import type { FetchOutcome, JwtSender, TokenKeys, VerificationKey } from './key-source.ts'
import type { IgnoredKey } from './published-key.ts'
import { PublishedKeySet } from './published-key-set.ts'

/** Function that writes a log line. @param fields  must not contain secrets */
export type IssuerLog = (level: 'info' | 'warn', message: string, fields: Record<string, unknown>) => void

/** Times that control the fetches of key sets, all in ms. */
export interface KeySetTimes {
  /** Minimum time from the end of one key set fetch to the next fetch that a token causes, ms. */
  readonly cooldownMs: number
  /** Time between periodic key set fetches, ms; varied randomly by ± 10 %. */
  readonly refreshMs: number
  /** Longest time from a failed key set fetch to the next periodic one, ms; varied randomly by ± 10 %. */
  readonly retryMs: number
  /**
   * Timeout of one key set fetch including discovery, ms. The timeout starts when the fetch gets its slot in the queue.
   * A token waits for this slot no longer than the same time.
   */
  readonly timeoutMs: number
}

/** Status of one issuer's keys, as shown to operators. */
export interface KeySetStatus {
  readonly issuer: string
  readonly keys: number
  readonly ignored: number
  /** Outcome of the last key set fetch; `undefined` before the end of the first. */
  readonly outcome: FetchOutcome | undefined
  /** Time since the last successful key set fetch, ms; `undefined` before the first. */
  readonly ageMs: number | undefined
  /** Error message of the issuer's last key set fetch; `undefined` if it succeeded. */
  readonly error: string | undefined
  /** Age (`ageMs`) above which the gate no longer uses the issuer's keys, ms. */
  readonly staleMs: number
}

/**
 * Minimum time from the end of a key set fetch to the next fetch that is caused by a JWT in a reply of the issuer, ms.
 */
const ISSUER_COOLDOWN_MS = 1000

/**
 * Maximum number of JWTs that wait for the next allowed key set fetch of one issuer. JWTs in replies of the issuer do
 * not count.
 */
const WAITING_MAX = 64

/** Maximum delay of a Node.js timer, ms. */
const maxDelayMs = 2 ** 31 - 1

/**
 * The published keys of one issuer, fetched periodically.
 *
 * While fetches fail, the last fetched keys remain valid until they are `keysStaleMs` old. After that time, requests
 * with tokens of the issuer get 503. A key that is missing in newly fetched keys is invalid immediately. Ages are
 * measured by the monotonic clock.
 */
export class KeySet implements TokenKeys {
  readonly #rules: IssuerRules
  readonly #client: IssuerClient
  readonly #times: KeySetTimes
  readonly #log: IssuerLog
  readonly #queue: FetchQueue

  /** Age above which the keys are no longer used, ms. */
  #keysStaleMs: number
  #published = PublishedKeySet.empty
  #started = false
  #fetching: Promise<FetchOutcome> | undefined
  /** Slot in the queue for the fetch in progress; `undefined` while no fetch is in progress. */
  #turn: FetchSlot | undefined
  /**
   * Result of a queued key set fetch for the tokens that wait for it. It is `failed` when the fetch has waited
   * `timeoutMs` in the queue.
   */
  #awaited: Promise<FetchOutcome> | undefined
  #waiting = 0
  #outcome: FetchOutcome | undefined
  #endedMs = 0
  #succeededMs: number | undefined
  #failures = 0
  #error: string | undefined
  readonly #task = new Supervisor('issuer-keys')
  /** Function that cancels the timer of the next periodic fetch. */
  #refreshTimer: (() => void) | undefined
  #staleTimer: (() => void) | undefined

  constructor(rules: IssuerRules, client: IssuerClient, times: KeySetTimes, log: IssuerLog, queue: FetchQueue) {
    this.#rules = rules
    this.#client = client
    this.#times = times
    this.#log = log
    this.#queue = queue
    this.#keysStaleMs = rules.keysStaleMs
  }

  /**
   * Uses the `keys_stale` of a new policy. The keys stay: an operator raises `keys_stale` while the issuer is
   * unavailable, when no keys could be fetched again. Keys that were already too old do not return.
   */
  followStale(keysStaleMs: number): void {
    if (keysStaleMs === this.#keysStaleMs) return
    this.#keysStaleMs = keysStaleMs
    this.#staleTimer?.()
    this.#staleTimer = this.#staleTimer && this.#expireLater()
    if (this.#outcome !== undefined && this.#fetching === undefined) this.#schedule()
  }

  /** Starts to fetch the issuer's keys and to refresh them until `close`. Does not wait for the first fetch. */
  start(): void {
    if (this.#started) return
    this.#started = true
    void this.#task.run(() => this.#refreshed())
  }

  candidates(keyId: string | undefined, algorithm: string): readonly VerificationKey[] {
    return this.#published.candidates(keyId, algorithm)
  }

  /**
   * Fetches the issuer's keys again. Within `cooldownMs` after the last fetch, returns the outcome of that fetch
   * instead, also if it was a periodic fetch.
   */
  refetch(): Promise<FetchOutcome> {
    const cooling = this.#leftMs(this.#times.cooldownMs) > 0
    if (this.#fetching === undefined && cooling && this.#outcome !== undefined) return Promise.resolve(this.#outcome)
    return this.#refetchNow()
  }

  /**
   * Fetches the issuer's keys again for a JWT that its sender will not send again. If the last fetch was recent, waits
   * first: until 1 s after it if the issuer sent the JWT to the gate, else until `cooldownMs` after it. Does not wait,
   * but behaves like `refetch`, when the last fetch failed, or when 64 JWTs of other senders wait.
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
      // Return when another caller has fetched the keys during the wait.
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

  /**
   * Returns the outcome of a queued key set fetch, or `failed` when the fetch has waited `timeoutMs` in the queue. Such
   * a failure does not change the status of the issuer, because no request was sent to the issuer.
   */
  #waitForTurn(turn: FetchSlot, fetching: Promise<FetchOutcome>): Promise<FetchOutcome> {
    const { promise, resolve } = Promise.withResolvers<FetchOutcome>()
    const cancel = this.#task.after(this.#times.timeoutMs, () => {
      if (!turn.begun) resolve('failed')
    })
    fetching.finally(cancel).then(resolve, () => resolve('failed'))
    return promise
  }

  /** Keys of the issuer's last successful fetch that cannot be used, each with the reason. */
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
      staleMs: this.#keysStaleMs,
    }
  }

  /**
   * Stops the periodic fetches of the issuer's keys. The keys remain available to exchanges of an older policy
   * snapshot.
   */
  close(): void {
    this.#started = false
    this.#refreshTimer?.()
    this.#staleTimer?.()
    this.#staleTimer = undefined
  }

  /** Runs a periodic fetch of the issuer's keys, unless `close` was called. */
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
    const turn = this.#queue.enter(background ? (this.#failures === 0 ? 'refresh' : 'retry') : 'urgent')
    this.#turn = turn
    await turn.granted
    try {
      // Skip the key set fetch if the issuer was removed from the policy while the fetch was queued and no token waits
      // for it.
      if (turn.use !== 'urgent' && !this.#started) return this.#outcome ?? 'failed'
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
      if (document === undefined) throw new Error(`no JWK Set found at ${url}`)
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
    this.#log('info', 'issuer keys loaded', { issuer, keys: [...new Set(keys.map((key) => key.keyId ?? null))] })
    if (ignored.length > 0)
      this.#log('warn', 'the gate does not use some keys of the issuer; `ignored` has the reasons', { issuer, ignored })
  }

  #fail(error: string): void {
    // Log an outage of the key set once, and again when its cause changes.
    if (error !== this.#error && this.#started) {
      this.#log('warn', 'issuer keys cannot be fetched', { issuer: this.#rules.name, error })
    }
    this.#outcome = 'failed'
    this.#failures += 1
    this.#error = error
    this.#staleTimer ??= this.#expireLater()
  }

  #expireLater(): (() => void) | undefined {
    if (this.#succeededMs === undefined) return undefined
    const leftMs = this.#succeededMs + this.#keysStaleMs - performance.now()
    return this.#task.after(Math.max(0, Math.min(leftMs, maxDelayMs)), () => this.#expire())
  }

  #expire(): void {
    this.#published.retireBut(PublishedKeySet.empty)
    this.#published = PublishedKeySet.empty
    this.#log('warn', 'issuer keys are too old: the gate no longer uses them', {
      issuer: this.#rules.name,
      error: this.#error,
    })
  }

  /**
   * Schedules the next periodic fetch. After failures the delay is shorter than usual, with exponential back-off up to
   * `retryMs`, so that a node without requests notices soon that the issuer is back.
   */
  #schedule(): void {
    if (!this.#started) return
    this.#refreshTimer?.()
    const { cooldownMs, refreshMs, retryMs } = this.#times
    // With a short `keys_stale`, fetch the key set so often that the keys do not become too old when one fetch fails.
    const usualMs = Math.min(refreshMs, Math.max(cooldownMs, this.#keysStaleMs / 3))
    const backOffMs = Math.min(retryMs, cooldownMs * 2 ** Math.min(this.#failures, 20))
    const delayMs = this.#failures === 0 ? usualMs : Math.min(usualMs, backOffMs)
    this.#refreshTimer = this.#task.after(delayMs * (0.9 + Math.random() * 0.2), () =>
      this.#task.run(() => this.#refreshed()),
    )
  }
}

function isSame(a: PublishedKeySet, b: PublishedKeySet): boolean {
  if (a.keys.length !== b.keys.length || !a.keys.every((key) => b.keys.includes(key))) return false
  return JSON.stringify(a.ignored) === JSON.stringify(b.ignored)
}
