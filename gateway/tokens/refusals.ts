import { performance } from 'node:perf_hooks'
import type { TokenReason } from '../base/reasons.ts'

interface Refusal {
  readonly reason: TokenReason
  readonly untilMs: number
}

/** Tokens that were refused a moment ago, so that a stranger who tries one again costs an issuer nothing. Bounded. */
export class Refusals {
  readonly #max: number
  readonly #refusals = new Map<string, Refusal>()

  constructor(max = 8192) {
    this.#max = max
  }

  find(name: string): TokenReason | undefined {
    const refusal = this.#refusals.get(name)
    if (refusal === undefined) return undefined
    if (performance.now() < refusal.untilMs) return refusal.reason
    this.#refusals.delete(name)
    return undefined
  }

  /** @param lifeMs  for so long, whatever is done to the clock of the machine */
  add(name: string, reason: TokenReason, lifeMs: number): void {
    // The oldest makes room: they all live about as long.
    for (const oldest of this.#refusals.keys()) {
      if (this.#refusals.size < this.#max) break
      this.#refusals.delete(oldest)
    }
    this.#refusals.delete(name)
    this.#refusals.set(name, { reason, untilMs: performance.now() + lifeMs })
  }
}
