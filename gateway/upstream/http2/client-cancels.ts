import { addressKey } from '../../base/address-key.ts'
import { EventBudget } from '../../base/event-budget.ts'
import { CLIENT_CANCELS } from './session-limits.ts'

/** Maximum number of clients whose cancels are counted at the same time. */
const CLIENTS_MAX = 10_000

/** Counts the calls to one upstream that each client cancels. A client is an IPv4 address or an IPv6 /64. */
export class ClientCancels {
  /**
   * Budgets of cancelled calls, by IPv4 address or IPv6 /64.
   *
   * @bound {@link CLIENTS_MAX} addresses for each upstream | further addresses are not counted | none
   */
  readonly #budgets = new Map<string, EventBudget>()

  get size(): number {
    return this.#budgets.size
  }

  /** Counts a cancelled call. @param nowMs  monotonic time, ms */
  count(client: Uint8Array, nowMs: number): void {
    const key = addressKey(client)
    let budget = this.#budgets.get(key)
    if (budget === undefined) {
      if (this.#budgets.size >= CLIENTS_MAX) return
      budget = new EventBudget(CLIENT_CANCELS, nowMs)
      this.#budgets.set(key, budget)
    }
    budget.take(1, nowMs)
  }

  /** Returns the key of a client that has cancelled too many calls; `undefined` for a client within the limit. */
  separateKey(client: Uint8Array | undefined, nowMs: number): string | undefined {
    if (client === undefined || this.#budgets.size === 0) return undefined
    const key = addressKey(client)
    return this.#budgets.get(key)?.isExceeded(nowMs) === true ? key : undefined
  }

  /** Removes the clients whose budget of cancelled calls is full again. */
  sweep(nowMs: number): void {
    for (const [key, budget] of this.#budgets) if (budget.isFull(nowMs)) this.#budgets.delete(key)
  }
}
