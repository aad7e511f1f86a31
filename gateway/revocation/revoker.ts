import type { IssuerRules } from '../oauth/token-facts.ts'
import { HashKeys } from './identity.ts'
import { readOrder } from './read-order.ts'
import type { RevocationOrder } from './revocation-order.ts'
import type { RevocationStore } from './revocation-store.ts'

/**
 * Revokes for a process that is no member: it has no replica, and waits for no acknowledgement. Members hear of it as of
 * any other revocation.
 */
export class Revoker {
  readonly #store: RevocationStore
  readonly #issuers: () => ReadonlyMap<string, IssuerRules>

  /** @param issuers  of the policy in force, by identifier */
  constructor(store: RevocationStore, issuers: () => ReadonlyMap<string, IssuerRules>) {
    this.#store = store
    this.#issuers = issuers
  }

  /**
   * @throws {RevocationRefused} for what no issuer of the policy can have issued
   * @throws {GatewayFault} `store-unavailable`
   */
  async revoke(order: RevocationOrder): Promise<void> {
    const keys = HashKeys.read(await this.#store.adoptKeys([]))
    const issuers = this.#issuers()
    const sessionEnds = await this.#store.sessionEnds([...issuers.keys()])
    const nowMs = Date.now()
    const { record } = readOrder(order, issuers, keys, nowMs / 1000, sessionEnds)
    await this.#store.write(record, Math.floor(nowMs / 1000))
  }
}
