import type { MemberListing } from '../cluster/member.ts'
import { type KeyKind, keyKinds, type RotatedKind } from '../config/key-kinds.ts'
import type { KeyRings } from '../config/key-rings.ts'
import type { HeldKeys, KeyProcess } from './held-keys.ts'
import type { KeyHolders } from './key-holders.ts'
import type { LifetimeInputs } from './key-lifetimes.ts'
import type { WritingKeys } from './writing-keys.ts'

/** Longest wait until the nodes have acknowledged a switch of the writing key, ms. */
const WAIT_MS = 10_000
/** Time after a switch of the writing key in which workers still write with the old key, ms: they report every 5 s. */
const WORKERS_LATE_MS = 10_000

export interface KeyServiceDependencies {
  readonly holders: Pick<KeyHolders, 'read'>
  readonly writingKeys: Pick<WritingKeys, 'appoint'>
  readonly keyRings: KeyRings
  readonly cluster: { list(): Promise<readonly Pick<MemberListing, 'id'>[]> }
  readonly lifetimes: LifetimeInputs
  /** Authenticates the kept policy revisions with the writing key of kind `policy`; `undefined` without revisions. */
  readonly renewPolicyMacs?: (() => Promise<void>) | undefined
}

/** A key of the cluster. Names in snake_case are sent in replies. It contains no secret. */
export interface KeyListing {
  readonly kind: KeyKind
  readonly id: string
  readonly held_by: readonly string[]
  readonly lacking: readonly string[]
  readonly written_by: readonly string[]
  readonly published_since: string | null
  readonly needed_until: string | null
}

export type RotationResult =
  | {
      readonly rotated: true
      readonly acknowledged: readonly string[]
      readonly missing: readonly string[]
      /**
       * The previous writing key, and the time from which no process needs it; `null` when the writing key did not
       * change.
       */
      readonly old: string | null
      readonly old_may_go_at: string | null
    }
  | {
      readonly rotated: false
      /** Nodes and workers that lack the new key. */
      readonly lacking: readonly string[]
      /** Time from which the switch to the key is possible; `null` while a process lacks the key. */
      readonly ready_at: string | null
    }

/** Lists the keys of the cluster and switches writing keys. For the admin API. */
export class KeyService {
  readonly #dependencies: KeyServiceDependencies

  constructor(dependencies: KeyServiceDependencies) {
    this.#dependencies = dependencies
  }

  /** @throws {RedisFault} as a rejection */
  async list(): Promise<KeyListing[]> {
    const state = await this.#dependencies.holders.read()
    return keyKinds.flatMap((kind) => state.ids(kind).map((id) => this.#listing(state, kind, id)))
  }

  /** Ids of the running workers, sorted. @throws {RedisFault} as a rejection */
  async workers(): Promise<string[]> {
    const { holders } = await this.#dependencies.holders.read()
    return holders.flatMap(({ id, role }) => (role === 'worker' ? id : [])).sort()
  }

  /** Whether any process of the cluster has the key. @throws {RedisFault} as a rejection */
  async has(kind: KeyKind, id: string): Promise<boolean> {
    if (this.#dependencies.keyRings.of(kind).has(id)) return true
    return (await this.#dependencies.holders.read()).ids(kind).includes(id)
  }

  /**
   * Switches the writing key of every process, if every process has the key, and if every node has published an
   * assertion key for `overlapMs`. A switch to a policy key also authenticates the kept policy revisions with the key;
   * if that fails, the switch remains, and a repeated call completes it.
   *
   * @throws {RedisFault} as a rejection
   */
  async rotate(kind: RotatedKind, to: string, overlapMs: number): Promise<RotationResult> {
    const { holders, writingKeys, keyRings, cluster, lifetimes, renewPolicyMacs } = this.#dependencies
    const [state, members] = await Promise.all([holders.read(), cluster.list()])
    const reported = new Set(state.holders.map(({ id }) => id))
    // Count a node without a key report as lacking the key: it is too old to report its keys, or has just started.
    const silent = members.filter(({ id }) => !reported.has(id)).map(({ id }) => `node ${id}`)
    const lacking = [...state.lacking(kind, to).map(nameOf), ...silent]
    const ownLacks = !keyRings.of(kind).has(to)
    if (lacking.length > 0 || ownLacks) return { rotated: false, lacking, ready_at: null }
    if (kind === 'assertion') {
      const readyMs = (state.publishedSinceMs(to) ?? state.nowMs) + overlapMs
      if (readyMs > state.nowMs) return { rotated: false, lacking: [], ready_at: new Date(readyMs).toISOString() }
    }
    const old = keyRings.of(kind).writer?.id
    const { acknowledged, missing, boundMs } = await writingKeys.appoint(kind, to, WAIT_MS)
    if (kind === 'policy') await renewPolicyMacs?.()
    const after = await holders.read()
    const lateMs = missing.length > 0 ? Math.max(boundMs, WORKERS_LATE_MS) : WORKERS_LATE_MS
    const isChanged = old !== undefined && old !== to
    const oldUntilMs = isChanged ? after.neededUntilMs(kind, old, lifetimes) + lateMs : 0
    return {
      rotated: true,
      acknowledged,
      missing,
      old: isChanged ? old : null,
      old_may_go_at: isChanged ? new Date(oldUntilMs).toISOString() : null,
    }
  }

  #listing(state: HeldKeys, kind: KeyKind, id: string): KeyListing {
    const published = kind === 'assertion' ? state.publishedSinceMs(id) : undefined
    const neededMs = state.neededUntilMs(kind, id, this.#dependencies.lifetimes)
    const named = (holders: readonly KeyProcess[]) => holders.map(nameOf).sort()
    return {
      kind,
      id,
      held_by: named(state.holders.filter(({ keys }) => keys[kind].includes(id))),
      lacking: named(state.lacking(kind, id)),
      written_by: named(state.holders.filter(({ writes }) => writes[kind] === id)),
      published_since: published === undefined ? null : new Date(published).toISOString(),
      needed_until: neededMs > state.nowMs ? new Date(neededMs).toISOString() : null,
    }
  }
}

function nameOf({ id, role }: KeyProcess): string {
  return `${role} ${id}`
}
