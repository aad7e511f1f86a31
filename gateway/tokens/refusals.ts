import { performance } from 'node:perf_hooks'
import type { VerificationReason } from '../base/reasons.ts'

interface Refusal {
  readonly reason: VerificationReason
  readonly untilMs: number
}

/**
 * Bounded cache of recently rejected tokens, so that a client that repeats an invalid token causes no call to an
 * issuer.
 */
export class Refusals {
  readonly #max: number
  readonly #refusals = new Map<string, Refusal>()

  constructor(max = 8192) {
    this.#max = max
  }

  find(name: string): VerificationReason | undefined {
    const refusal = this.#refusals.get(name)
    if (refusal === undefined) return undefined
    if (performance.now() < refusal.untilMs) return refusal.reason
    this.#refusals.delete(name)
    return undefined
  }

  /**
   * Adds a rejected token.
   *
   * @param lifeMs  time for which the rejection is cached, ms; measured by the monotonic clock
   */
  add(name: string, reason: VerificationReason, lifeMs: number): void {
    // Evict the oldest entries first: all entries have a similar lifetime.
    for (const oldest of this.#refusals.keys()) {
      if (this.#refusals.size < this.#max) break
      this.#refusals.delete(oldest)
    }
    this.#refusals.delete(name)
    this.#refusals.set(name, { reason, untilMs: performance.now() + lifeMs })
  }
}
