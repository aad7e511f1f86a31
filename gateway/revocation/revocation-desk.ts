import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { GatewayFault } from '../base/fault.ts'
import type { Acknowledgements, Awaited } from '../cluster/acknowledgements.ts'
import type { Receipt } from '../cluster/receipt.ts'
import type { IdentifyOpaque, OpaqueIdentity } from '../oauth/opaque-identity.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { Durability } from './durability.ts'
import type { HashKeys } from './identity.ts'
import { type ReadOrder, readOrder, recordOfIdentity, type SessionEnds } from './read-order.ts'
import { type RevocationOrder, RevocationRefused } from './revocation-order.ts'
import { RevocationStore, type Written } from './revocation-store.ts'
import type { Revocations } from './revocations.ts'

export interface RevocationDeskParts {
  readonly link: RedisLink
  readonly revocations: Pick<Revocations, 'hashKeys' | 'size'>
  readonly acknowledgements: Acknowledgements
  /** Of the policy in force, by identifier. */
  readonly issuers: () => ReadonlyMap<string, IssuerRules>
  /** As {@link Cluster.boundMs}. */
  readonly boundMs: () => number
  /** As {@link Cluster.forgotten}. */
  readonly forgotten: (listed: readonly Awaited[]) => { readonly members: readonly Awaited[]; readonly boundMs: number }
  readonly maxEntries: number
  /** `undefined`: opaque tokens are revoked by their text alone. */
  readonly identify: IdentifyOpaque | undefined
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void
}

export interface RevokeOptions {
  /** `all`: for every member, or until those that are missing admit nothing any more by themselves, 5 min at most. */
  readonly wait: 'all' | 'none'
  /** Also waits for the disk of Redis. */
  readonly durable: boolean
}

/** A connection on which orders are written, and what has become of them is asked. */
interface Counter {
  readonly store: RevocationStore
  readonly durability: Durability
  connected(): boolean
  close(): Promise<void>
}

/** Longest wait for acknowledgements: a route may be patient for a day, which no caller is. */
const WAIT_MAX_MS = 5 * 60_000

/** Takes orders to revoke, and says what has become of them. */
export class RevocationDesk {
  readonly #parts: RevocationDeskParts
  /** Two connections, since WAIT and WAITAOF hold up what comes behind them. */
  readonly #quick: Counter
  readonly #durable: Counter

  constructor(parts: RevocationDeskParts) {
    this.#parts = parts
    this.#quick = this.#counter('revocations')
    this.#durable = this.#counter('durable-revocations')
  }

  /**
   * Revokes. When this throws, no node was told anything, with one exception: after `no reply in time` it may have been
   * written, and the order can be given again.
   *
   * @throws {RevocationRefused} for an order that does not hold
   * @throws {GatewayFault} `store-unavailable`
   */
  async revoke(order: RevocationOrder, { wait, durable }: RevokeOptions): Promise<Receipt> {
    const { revocations, issuers, boundMs, forgotten, maxEntries, acknowledgements, log } = this.#parts
    const { hashKeys } = revocations
    if (hashKeys === undefined) {
      throw new GatewayFault('store-unavailable', 'store', 'this node has not joined the cluster yet')
    }
    const sentAt = performance.now()
    const sentMs = Date.now()
    const { store, durability } = durable ? this.#durable : this.#quick
    const rules = issuers()
    const read = (ends: SessionEnds) => readOrder(order, rules, hashKeys, sentMs / 1000, ends)
    // What does not hold is told whether Redis is there or not.
    read(new Map())
    if (revocations.size >= maxEntries && namesOneToken(order)) throw full(maxEntries)
    const ordered = read(await store.sessionEnds([...rules.keys()]))
    const { kind, issuer } = ordered

    const text = await store.write(ordered.record, Math.floor(sentMs / 1000))
    // The token is refused by its text from here on, also while its issuer is being asked.
    const named = ordered.opaque === true ? await this.#byIdentity(order, store, hashKeys) : undefined
    // The later position: who has acknowledged it has acknowledged the earlier one too.
    const written = named?.written ?? text
    const matchedBy = named?.identity.by ?? matchOf(ordered)
    // From when Redis is known to have had it, not from the call: a read that was sent meanwhile may not have seen it.
    const tookMs = performance.now() - sentAt
    const more = forgotten(written.members)
    const members = [...written.members, ...more.members]
    const waitedMs = Math.max(boundMs(), written.boundMs, more.boundMs)
    const [collected, { replicas, fsynced }] = await Promise.all([
      acknowledgements.collect(written.position, members, sentAt, wait === 'all' ? Math.min(waitedMs, WAIT_MAX_MS) : 0),
      durability.of(durable),
    ])
    // This node renews its lease in a Redis that was emptied before it knows of that, and acknowledges only afterwards.
    const late = forgotten(written.members)
    const known = new Set(members.map(({ id }) => id))
    const lateIds = late.members.map(({ id }) => id).filter((id) => !known.has(id))
    const maxStalenessMs = Math.max(waitedMs, late.boundMs)
    const receipt: Receipt = {
      id: randomUUID(),
      position: written.position,
      acknowledged: collected.acknowledged,
      missing: [...collected.missing, ...lateIds],
      fenced_by: new Date(sentMs + Math.ceil(tookMs) + maxStalenessMs).toISOString(),
      max_staleness_ms: maxStalenessMs,
      replicas,
      fsynced,
      ...(matchedBy !== undefined && { matched_by: matchedBy }),
    }
    log('info', 'revoked', {
      receipt: receipt.id,
      kind,
      issuer,
      ...(order.reason === undefined ? {} : { reason: order.reason }),
      ...(matchedBy !== undefined && { matched_by: matchedBy }),
      position: receipt.position,
      acknowledged: receipt.acknowledged.length,
      missing: receipt.missing,
    })
    return receipt
  }

  /**
   * Revokes an opaque token also by what its issuer says of it, so that another text that the issuer takes for the same
   * token is refused too.
   *
   * @returns `undefined` where that is not possible. The token is then revoked by its text alone
   */
  async #byIdentity(
    order: RevocationOrder,
    store: RevocationStore,
    hashKeys: HashKeys,
  ): Promise<{ readonly identity: OpaqueIdentity; readonly written: Written } | undefined> {
    const { identify, log } = this.#parts
    if (order.kind !== 'token' || identify === undefined) return undefined
    try {
      const identity = await identify(order.token, order.issuer)
      if (identity === undefined) return undefined
      const nowS = Date.now() / 1000
      const written = await store.write(recordOfIdentity(identity, hashKeys, nowS), Math.floor(nowS))
      return { identity, written }
    } catch (error) {
      log('warn', 'opaque token revoked by its text alone', { error: (error as Error).message })
      return undefined
    }
  }

  /** There are connections on which orders can be written. */
  get connected(): boolean {
    return this.#quick.connected() && this.#durable.connected()
  }

  async close(): Promise<void> {
    await Promise.all([this.#quick.close(), this.#durable.close()])
  }

  #counter(name: string): Counter {
    const { link } = this.#parts
    const client = link.client('receipt', name)
    return {
      store: new RevocationStore(client, link.keys),
      durability: new Durability(client, link.keys.events),
      connected: () => client.ready,
      close: () => client.close(),
    }
  }
}

/** Other orders than for a token name what they match themselves. */
function matchOf({ kind, opaque }: ReadOrder): Receipt['matched_by'] {
  if (kind !== 'token') return undefined
  return opaque === true ? 'text' : 'signed-text'
}

/**
 * Of tokens there is no end. Of everything else there is one entry for each login, person, client or issuer at most, and a
 * logout, or the last resort of an operator, must not fail because somebody revoked token by token.
 */
function namesOneToken({ kind }: RevocationOrder): boolean {
  return kind === 'token' || kind === 'jti'
}

function full(maxEntries: number): RevocationRefused {
  return new RevocationRefused(
    'revocations_full',
    `this node holds ${maxEntries} revocations, and with so many (revocation.max_entries) takes no single token any more`,
    'revoke something wider, which is one entry: a session, a subject, a client, or all that an issuer issued before a time',
  )
}
