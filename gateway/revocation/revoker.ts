import type { IssuerRules } from '../oauth/token-facts.ts'
import { HashKeys } from './identity.ts'
import { readOrder } from './read-order.ts'
import type { RevocationOrder } from './revocation-order.ts'
import type { RevocationStore } from './revocation-store.ts'

/**
 * Revokes credentials for a process that is not a cluster member. Such a process has no replica and does not wait for
 * acknowledgements. Members receive its revocations like any other.
 */
export class Revoker {
  readonly #store: RevocationStore
  readonly #issuers: () => ReadonlyMap<string, IssuerRules>

  /** @param issuers  issuers of the current policy, by issuer identifier */
  constructor(store: RevocationStore, issuers: () => ReadonlyMap<string, IssuerRules>) {
    this.#store = store
    this.#issuers = issuers
  }

  /**
   * Writes a revocation. Returns when Redis has accepted it.
   *
   * @throws {RevocationRefused} when the order is invalid, for example when its issuer is not in the policy
   * @throws {GatewayFault} `store-unavailable`
   */
  async revoke(order: RevocationOrder): Promise<void> {
    const keys = HashKeys.read(await this.#store.adoptKeys([]))
    const issuers = this.#issuers()
    const times = await this.#store.times([...issuers.keys()], Date.now())
    const { record } = readOrder(order, issuers, keys, times)
    await this.#store.write(record, Math.floor(times.nowS))
  }
}
