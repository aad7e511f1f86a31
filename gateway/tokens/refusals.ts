import { performance } from 'node:perf_hooks'
import type { VerificationReason } from '../base/reasons.ts'

interface Refusal<R> {
  readonly reason: R
  readonly untilMs: number
}

/**
 * Bounded cache of recently rejected tokens or client secrets. A client that repeats a rejected token or secret then
 * causes no call to an issuer.
 *
 * @bound owner
 */
export class Refusals<R = VerificationReason> {
  readonly #max: number
  readonly #refusals = new Map<string, Refusal<R>>()

  constructor(max = 8192) {
    this.#max = max
  }

  find(name: string): R | undefined {
    const refusal = this.#refusals.get(name)
    if (refusal === undefined) return undefined
    if (performance.now() < refusal.untilMs) return refusal.reason
    this.#refusals.delete(name)
    return undefined
  }

  /**
   * Adds a rejected token or client secret.
   *
   * @param lifeMs  time for which the rejection is cached, ms; measured by the monotonic clock
   */
  add(name: string, reason: R, lifeMs: number): void {
    // Evict the oldest entries first: all entries have a similar lifetime.
    for (const oldest of this.#refusals.keys()) {
      if (this.#refusals.size < this.#max) break
      this.#refusals.delete(oldest)
    }
    this.#refusals.delete(name)
    this.#refusals.set(name, { reason, untilMs: performance.now() + lifeMs })
  }
}
