import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Acknowledged, AwaitedMember } from '../cluster/acknowledgements.ts'
import type { MemberListing } from '../cluster/member.ts'
import { fencedBy, type WrittenEvent } from '../cluster/written-event.ts'
import type { Route, Snapshot } from '../policy/snapshot.ts'
import type { PolicyLog } from './active-policy.ts'

/** Time between two checks of which members enforce the activation, ms. */
const LOOK_AGAIN_MS = 25

/** Receipt of the activation of a policy revision. Members in snake_case are sent in replies of the admin API. */
export interface ActivationReceipt {
  readonly id: string
  /** Number of the activated revision; `sequence` is the number of the activation. */
  readonly number: number
  readonly sequence: number
  readonly acknowledged: readonly Acknowledged[]
  /** Ids of the members that have not acknowledged the activation. */
  readonly missing: readonly string[]
  /** Time that the admin API call waited for acknowledgements after Redis had stored the activation, ms. */
  readonly waited_ms: number
  /**
   * Time from which no node decides a request by an older revision (RFC 3339), except on the routes in `not_fenced`.
   */
  readonly fenced_by: string
  /**
   * Routes of the previous revision that a node without contact to Redis still serves: they are public, or have
   * `on_outage.revocation: stale`.
   */
  readonly not_fenced: readonly string[]
}

/** The parts of the cluster that the receipts of activations need. */
export interface ReceiptCluster {
  list(): Promise<readonly MemberListing[]>
  readonly boundMs: number
  lostMembers(listed: readonly AwaitedMember[]): {
    readonly members: readonly AwaitedMember[]
    readonly boundMs: number
  }
}

/** An activation that Redis has accepted. */
export interface ActivatedPolicy {
  readonly sentMs: number
  readonly sentAt: number
  readonly number: number
  readonly sequence: number
  /**
   * Hashes of the policies that show the activation is in force on a member. Two with a canary: the tried policy and
   * the active policy.
   */
  readonly revisions: readonly string[]
  /** The policy that was active before the activation. */
  readonly before: Snapshot
  readonly waitMs: number
}

/** Makes the receipts of policy activations, which list the members that enforce the activation. */
export class ActivationReceipts {
  readonly #dependencies: { readonly cluster: ReceiptCluster; readonly log: PolicyLog }

  constructor(dependencies: { readonly cluster: ReceiptCluster; readonly log: PolicyLog }) {
    this.#dependencies = dependencies
  }

  /**
   * Waits until the members of the cluster have acknowledged an activation that is written to Redis, for at most
   * `waitMs`.
   */
  async collect(written: WrittenEvent, activated: ActivatedPolicy): Promise<ActivationReceipt> {
    const { cluster, log } = this.#dependencies
    const { sentAt, sentMs, sequence, number, before } = activated
    const startedAt = performance.now()
    const tookMs = startedAt - sentAt
    const lost = cluster.lostMembers(written.members)
    const awaited = new Set([...written.members, ...lost.members].map(({ id }) => id))
    const acknowledged = await this.#acknowledgements(awaited, activated)
    for (const { node } of acknowledged) awaited.delete(node)
    const boundMs = Math.max(cluster.boundMs, written.boundMs, lost.boundMs)
    const receipt: ActivationReceipt = {
      id: randomUUID(),
      number,
      sequence,
      acknowledged,
      missing: [...awaited],
      waited_ms: Math.round((performance.now() - startedAt) * 100) / 100,
      fenced_by: fencedBy(written, sentMs + Math.ceil(tookMs), boundMs),
      not_fenced: before.routes.filter(isServedWithoutContact).map(({ id }) => id),
    }
    const { missing, waited_ms } = receipt
    log('info', 'policy activated', { number, sequence, acknowledged: acknowledged.length, missing, waited_ms })
    return receipt
  }

  /** Waits until every awaited member enforces this activation or a later activation, for at most `waitMs`. */
  async #acknowledgements(
    awaited: ReadonlySet<string>,
    { sequence, revisions, sentAt, waitMs }: ActivatedPolicy,
  ): Promise<Acknowledged[]> {
    const acknowledged = new Map<string, Acknowledged>()
    for (;;) {
      for (const { id, policy_sequence: reached, revision: enforced } of await this.#listing()) {
        if (!awaited.has(id) || acknowledged.has(id) || reached === null || reached < sequence) continue
        // Compare the policy of the member too: after Redis lost an activation, another activation can get the same
        // number.
        if (reached === sequence && !revisions.includes(enforced)) continue
        acknowledged.set(id, { node: id, ms: Math.round((performance.now() - sentAt) * 100) / 100 })
      }
      if (acknowledged.size === awaited.size || performance.now() - sentAt >= waitMs) return [...acknowledged.values()]
      await sleep(LOOK_AGAIN_MS)
    }
  }

  /**
   * Lists the members of the cluster. The list is empty while Redis does not reply: the activation is already written,
   * so the fault is ignored.
   */
  async #listing(): Promise<readonly MemberListing[]> {
    try {
      return await this.#dependencies.cluster.list()
    } catch {
      return []
    }
  }
}

/** Whether a node without contact to Redis continues to serve the route by its last policy. */
function isServedWithoutContact({ requirement, revocationStaleMs }: Route): boolean {
  return requirement === undefined || revocationStaleMs > 0
}
