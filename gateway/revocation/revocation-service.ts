import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import type { Receipt } from '../cluster/receipt.ts'
import type { WrittenEvent } from '../cluster/written-event.ts'
import type { IdentifyOpaque, OpaqueIdentity } from '../oauth/opaque-identity.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { Durability } from './durability.ts'
import type { HashKeys } from './identity.ts'
import { type OrderTimes, type ReadOrder, readOrder, recordOfIdentity } from './read-order.ts'
import { ReceiptCollector, type ReceiptCollectorDependencies, type ReceiptOptions } from './receipt-collector.ts'
import { type RevocationOrder, RevocationRefused } from './revocation-order.ts'
import { RevocationStore } from './revocation-store.ts'
import type { Revocations } from './revocations.ts'

export interface RevocationServiceDependencies extends ReceiptCollectorDependencies {
  readonly link: RedisLink
  readonly revocations: Pick<Revocations, 'hashKeys' | 'size'>
  /** Issuers of the current policy and of client certificates, by issuer identifier. */
  readonly issuers: () => ReadonlyMap<string, IssuerRules>
  /** Number of revocations above which the node no longer revokes single tokens (`revocation.max_entries`). */
  readonly maxEntries: number
  /**
   * Finds the `jti` or the introspection response of an opaque token at its issuer. `undefined`: opaque tokens are
   * revoked by their text only.
   */
  readonly identify: IdentifyOpaque | undefined
  /** Returns the wall clock time, ms since the Unix epoch. Default `Date.now`. */
  readonly now?: () => number
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void
}

/** A Redis connection that writes revocation orders and then checks their durability. */
interface OrderConnection {
  readonly store: RevocationStore
  readonly durability: Durability
  connected(): boolean
  close(): Promise<void>
}

/** Executes revocation orders and returns receipts. */
export class RevocationService {
  readonly #dependencies: RevocationServiceDependencies
  readonly #receipts: ReceiptCollector
  readonly #now: () => number
  /**
   * Use separate Redis connections for orders that wait for the disk and for orders that do not, because the Redis
   * commands WAIT and WAITAOF block later calls on their connection.
   */
  readonly #quick: OrderConnection
  readonly #durable: OrderConnection

  constructor(dependencies: RevocationServiceDependencies) {
    this.#dependencies = dependencies
    this.#receipts = new ReceiptCollector(dependencies)
    this.#now = dependencies.now ?? Date.now
    this.#quick = this.#openConnection('revocations')
    this.#durable = this.#openConnection('durable-revocations')
  }

  /**
   * Revokes the credentials that the order names. If this method throws, nothing was revoked, with one exception: after
   * the fault `no reply in time` or `connection lost before the reply`, Redis may have stored the revocation. Repeating
   * the order is safe.
   *
   * @throws {RevocationRefused} when the order is invalid, or names one token and `maxEntries` is reached
   * @throws {GatewayFault} `store-unavailable`
   */
  async revoke(order: RevocationOrder, options: ReceiptOptions): Promise<Receipt> {
    const sentAt = performance.now()
    const sentMs = this.#now()
    const { store, durability } = options.durable ? this.#durable : this.#quick
    const { ordered, written, matchedBy } = await this.#write(order, store, sentMs)
    const receipt = {
      ...(await this.#receipts.collect(written, durability, { ...options, sentAt, sentMs })),
      ...(matchedBy !== undefined && { matched_by: matchedBy }),
    }
    this.#dependencies.log('info', 'revocation recorded; `kind` is the kind of the revoked credentials', {
      receipt: receipt.id,
      kind: ordered.kind,
      issuer: ordered.issuer,
      ...(order.reason === undefined ? {} : { reason: order.reason }),
      ...(matchedBy !== undefined && { matched_by: matchedBy }),
      position: receipt.position,
      acknowledged: receipt.acknowledged.length,
      missing: receipt.missing,
    })
    return receipt
  }

  /** Validates a revocation order and writes its revocation to Redis. */
  async #write(
    order: RevocationOrder,
    store: RevocationStore,
    sentMs: number,
  ): Promise<{
    readonly ordered: ReadOrder
    readonly written: WrittenEvent
    readonly matchedBy: Receipt['matched_by']
  }> {
    const { revocations, issuers, maxEntries } = this.#dependencies
    const { hashKeys } = revocations
    if (hashKeys === undefined) {
      throw new GatewayFault('store-unavailable', 'store', 'this node has not joined the cluster yet')
    }
    const rules = issuers()
    const read = (times: OrderTimes) => readOrder(order, rules, hashKeys, times)
    const times = await store.times([...rules.keys()], sentMs).catch((error: unknown) => {
      // Validate the order first: an invalid order is reported as invalid even while Redis is unavailable.
      read({ nowS: sentMs / 1000, sessionEnds: new Map() })
      throw error
    })
    const ordered = read(times)
    if (revocations.size >= maxEntries && namesOneToken(order)) throw full(maxEntries)
    const text = await store.write(ordered.record, Math.floor(times.nowS))
    // Revoke the token by its text first, so that it is already revoked while its issuer is asked.
    const named = ordered.opaque === true ? await this.#byIdentity(order, store, hashKeys, times) : undefined
    // Use the position of the later write: a member that acknowledged the later position has acknowledged both writes.
    return { ordered, written: named?.written ?? text, matchedBy: named?.identity.by ?? matchOf(ordered) }
  }

  /**
   * Also revokes an opaque token by its `jti` or by the introspection response of its issuer. A different text that the
   * issuer accepts as the same token is then rejected too.
   *
   * @returns `undefined` when this is not possible; the token is then revoked by its text only
   */
  async #byIdentity(
    order: RevocationOrder,
    store: RevocationStore,
    hashKeys: HashKeys,
    { nowS }: OrderTimes,
  ): Promise<{ readonly identity: OpaqueIdentity; readonly written: WrittenEvent } | undefined> {
    const { identify, log } = this.#dependencies
    if (order.kind !== 'token' || identify === undefined) return undefined
    try {
      const identity = await identify(order.token, order.issuer)
      if (identity === undefined) return undefined
      const written = await store.write(recordOfIdentity(identity, hashKeys, nowS), Math.floor(nowS))
      return { identity, written }
    } catch (error) {
      log(
        'warn',
        'opaque token revoked by its text only: the revocation by its identity failed, so the gate may still accept another text that the issuer takes for the same token',
        {
          error: (error as Error).message,
        },
      )
      return undefined
    }
  }

  /** Whether both Redis connections for revocation orders are established. */
  get connected(): boolean {
    return this.#quick.connected() && this.#durable.connected()
  }

  async close(): Promise<void> {
    await Promise.all([this.#quick.close(), this.#durable.close()])
  }

  #openConnection(name: string): OrderConnection {
    const { link } = this.#dependencies
    const client = link.client('receipt', name)
    return {
      store: new RevocationStore(client, link.keys),
      durability: new Durability(client, link.keys.events),
      connected: () => client.ready,
      close: () => client.close(),
    }
  }
}

/** Returns how nodes recognize a revoked token; `undefined` for an order that names no single token. */
function matchOf({ kind, opaque }: ReadOrder): Receipt['matched_by'] {
  if (kind !== 'token') return undefined
  return opaque === true ? 'text' : 'signed-text'
}

/**
 * Whether the order names a single token. Only such orders are refused when `maxEntries` is reached, because the number
 * of tokens is unlimited. Other orders need at most one entry per session, subject, client or issuer. A logout, or an
 * emergency revocation by an operator, must not fail because many single tokens were revoked.
 */
function namesOneToken({ kind }: RevocationOrder): boolean {
  return kind === 'token' || kind === 'jti'
}

function full(maxEntries: number): RevocationRefused {
  return new RevocationRefused(
    'revocations_full',
    `revocation.max_entries (${maxEntries}) is reached: this node no longer revokes single tokens`,
    'revoke a whole session, subject or client instead, or all tokens that an issuer issued before a time: each needs only one entry',
  )
}
