import { performance } from 'node:perf_hooks'

const FAILURES_MAX = 5
/** Timeouts within less time are one: a node that stood still finds all its calls cut off at once. */
const MOMENT_MS = 100
const REST_MIN_MS = 250
const REST_MAX_MS = 4000

/**
 * Keeps calls from waiting for a Redis that takes them and does not reply. After some timeouts in a row nothing is sent
 * for a while; then one call tries, and the others follow once it got a reply.
 */
export class Breaker {
  #failures = 0
  #firstFailureMs = 0
  #restMs = REST_MIN_MS
  #open = false
  #restsUntilMs = 0
  #trying = false

  /** Whether a call may be sent now. The one that may after a rest is the trial: its outcome must be told. */
  allows(): boolean {
    if (!this.#open) return true
    if (this.#trying || performance.now() < this.#restsUntilMs) return false
    this.#trying = true
    return true
  }

  /** Any reply, an error too: the server is there. */
  replied(): void {
    this.#failures = 0
    this.#restMs = REST_MIN_MS
    this.#open = false
    this.#trying = false
  }

  /** No reply came in time. */
  timedOut(): void {
    this.#trying = false
    const nowMs = performance.now()
    if (this.#failures++ === 0) this.#firstFailureMs = nowMs
    if (this.#failures < FAILURES_MAX || nowMs - this.#firstFailureMs < MOMENT_MS) return
    this.#open = true
    this.#restsUntilMs = nowMs + this.#restMs
    this.#restMs = Math.min(this.#restMs * 2, REST_MAX_MS)
  }

  /** The connection broke: what was pending says nothing about the next one. */
  broke(): void {
    this.#trying = false
  }
}
