import { type Expiries, type Expiry, expiryKey, routineKinds } from '../base/expiries.ts'
import { Supervisor } from '../base/supervisor.ts'
import { instruments } from './instruments.ts'
import type { MetricSink, MetricSource } from './metrics.ts'

/** Time between two checks of the list of expiries, ms. */
const CHECK_MS = 60_000
const DAY_MS = 24 * 60 * 60 * 1000

/**
 * Times before the expiry at which a warning is logged, the longest time first. The last entry is the expiry itself.
 */
const thresholds = [
  { leftMs: 30 * DAY_MS, level: 'warn', message: 'expires within 30 days' },
  { leftMs: 7 * DAY_MS, level: 'warn', message: 'expires within 7 days' },
  { leftMs: DAY_MS, level: 'warn', message: 'expires within 1 day' },
  { leftMs: 0, level: 'error', message: 'expired' },
] as const

type Log = (level: 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void

/**
 * Logs when a secret, key or certificate of the process is about to expire: once for each threshold (30, 7 and 1 days,
 * and the expiry). After a renewal, each threshold is logged again when it passes. At the start of the process, only
 * the last threshold that has passed is logged.
 */
export class ExpiryWatch implements MetricSource {
  readonly #expiries: Pick<Expiries, 'list'>
  readonly #log: Log
  readonly #nowMs: () => number
  readonly #task = new Supervisor('expiry-watch')
  /**
   * For each secret, key or certificate: number of thresholds that it had passed at the last check. Omitted if it had
   * passed no threshold.
   *
   * @bound settings
   */
  #passed = new Map<string, number>()
  #endWatching: (() => void) | undefined

  /** @param nowMs  clock, ms since the Unix epoch */
  constructor(expiries: Pick<Expiries, 'list'>, log: Log, nowMs: () => number = Date.now) {
    this.#expiries = expiries
    this.#log = log
    this.#nowMs = nowMs
  }

  start(): void {
    this.check()
    this.#endWatching = this.#task.repeat(CHECK_MS, () => this.check())
  }

  /** Logs the thresholds that were passed since the last check. */
  check(): void {
    const nowMs = this.#nowMs()
    const passed = new Map<string, number>()
    for (const expiry of this.#expiries.list()) {
      if (routineKinds.has(expiry.kind)) continue
      const count = thresholds.filter(({ leftMs }) => expiry.expiresAtMs - nowMs <= leftMs).length
      if (count === 0) continue
      const key = expiryKey(expiry)
      passed.set(key, count)
      if (count > (this.#passed.get(key) ?? 0)) this.#report(expiry, count)
    }
    this.#passed = passed
  }

  #report({ kind, name, expiresAtMs }: Expiry, count: number): void {
    const { level, message } = thresholds[count - 1]!
    this.#log(level, message, { kind, name, expires_at: new Date(expiresAtMs).toISOString() })
  }

  collect(sink: MetricSink): void {
    for (const { kind, name, expiresAtMs } of this.#expiries.list()) {
      sink.value(instruments.expiresAt, expiresAtMs / 1000, { kind, name })
    }
  }

  close(): void {
    this.#endWatching?.()
  }
}
