import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Acknowledgements, AwaitedMember } from '../cluster/acknowledgements.ts'
import type { AcknowledgementWait, Receipt } from '../cluster/receipt.ts'
import { fencedBy, type WrittenEvent } from '../cluster/written-event.ts'
import type { Durability } from './durability.ts'

export interface ReceiptCollectorDependencies {
  readonly acknowledgements: Acknowledgements
  /**
   * Time without contact to Redis after which every node refuses requests that need current revocations, ms; see {@link
   * Cluster.boundMs}.
   */
  readonly boundMs: () => number
  /** Returns members that Redis has forgotten but that can still admit requests; see {@link Cluster.lostMembers}. */
  readonly lostMembers: (listed: readonly AwaitedMember[]) => {
    readonly members: readonly AwaitedMember[]
    readonly boundMs: number
  }
}

export interface ReceiptOptions {
  readonly wait: AcknowledgementWait
  /** True to wait until Redis has written the event to disk. */
  readonly durable: boolean
}

/**
 * Options of a revocation order, with the time of the call in ms: `sentAt` is monotonic, `sentMs` is since the Unix
 * epoch.
 */
export interface SentOrder extends ReceiptOptions {
  readonly sentAt: number
  readonly sentMs: number
}

/**
 * Maximum wait for acknowledgements, ms. The staleness limit of a route can be a day, and no caller waits that long.
 */
const WAIT_MAX_MS = 5 * 60_000

/** Makes the receipts of events that nodes apply and acknowledge. */
export class ReceiptCollector {
  readonly #dependencies: ReceiptCollectorDependencies

  constructor(dependencies: ReceiptCollectorDependencies) {
    this.#dependencies = dependencies
  }

  /** Waits for the acknowledgements of a written event and for its durability, as the options state. */
  async collect(
    written: WrittenEvent,
    durability: Durability,
    { wait, durable, sentAt, sentMs }: SentOrder,
  ): Promise<Receipt> {
    const { boundMs, lostMembers, acknowledgements } = this.#dependencies
    const tookMs = performance.now() - sentAt
    const more = lostMembers(written.members)
    const members = [...written.members, ...more.members]
    const fencedMs = Math.max(boundMs(), written.boundMs, more.boundMs)
    const startedAt = performance.now()
    const collecting = acknowledgements
      .collect(written.position, members, sentAt, limitMs(wait, fencedMs))
      .then((collection) => ({ collection, waitedMs: performance.now() - startedAt }))
    const [{ collection, waitedMs }, { replicas, fsynced }] = await Promise.all([
      collecting,
      durability.confirm(durable),
    ])
    // Check again for members that Redis has lost. After Redis lost its data, this node can renew its lease before it
    // detects the loss, and acknowledges events only afterwards.
    const late = lostMembers(written.members)
    const known = new Set(members.map(({ id }) => id))
    const lateIds = late.members.map(({ id }) => id).filter((id) => !known.has(id))
    const maxStalenessMs = Math.max(fencedMs, late.boundMs)
    return {
      id: randomUUID(),
      position: written.position,
      acknowledged: collection.acknowledged,
      missing: [...collection.missing, ...lateIds],
      waited_ms: Math.round(waitedMs * 100) / 100,
      fenced_by: fencedBy(written, sentMs + Math.ceil(tookMs), maxStalenessMs),
      max_staleness_ms: maxStalenessMs,
      replicas,
      fsynced,
    }
  }
}

/**
 * Returns the longest wait for acknowledgements, ms. No wait is longer than the time after which every node refuses.
 */
function limitMs(wait: AcknowledgementWait, fencedMs: number): number {
  if (wait === 'none') return 0
  return Math.min(wait === 'all' ? fencedMs : wait, fencedMs, WAIT_MAX_MS)
}
