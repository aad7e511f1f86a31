import type { Position } from './position.ts'

/** A node of the cluster. Members with names in snake_case are sent in replies of the admin API. */
export interface MemberListing {
  /** Key of the node in the list of members; new at each start of its process. */
  readonly key: string
  /** Kinds of cluster events that the node applies. */
  readonly eventKinds: readonly string[]
  readonly id: string
  /** Address of the node's data plane, `host:port`. */
  readonly address: string
  readonly version: string
  /** Hash of the policy revision that the node uses. */
  readonly revision: string
  /**
   * Number of the cluster's policy revision that the node enforces, and number of its activation; `null`: the policy
   * comes from a file.
   */
  readonly policy_number: number | null
  readonly policy_sequence: number | null
  /** Number of the newest policy activation, if the node could not apply it; otherwise `null`. */
  readonly policy_failed: number | null
  /** True while the node tries the revision as a canary, before the other nodes enforce it. */
  readonly policy_canary: boolean
  /** Position in the event log of the last event that the node has applied. */
  readonly position: Position
  /** Time between the node's last applied event and the newest event in the log, ms. */
  readonly lag_ms: number
  /**
   * Time since the node last renewed its lease, ms by the Redis clock; `null` when the node did not publish how long its
   * lease lasts.
   */
  readonly heard_ms: number | null
}

/** Node id in a member key, which is `<node id>~<random text>`. */
export function memberId(key: string): string {
  const end = key.lastIndexOf('~')
  return end < 0 ? key : key.slice(0, end)
}

/** Facts that a member publishes about itself when it renews its lease. */
export interface MemberFacts {
  readonly id: string
  readonly address: string
  readonly version: string
  readonly revision: string
  /**
   * Number of the cluster's policy revision that the member enforces, and number of its activation; `null`: the policy
   * comes from a file.
   */
  readonly policy_number: number | null
  readonly policy_sequence: number | null
  /** Number of the newest policy activation, if the member could not apply it; otherwise `null`. */
  readonly policy_failed: number | null
  /** True while the member tries the revision as a canary, before the other members enforce it. */
  readonly policy_canary: boolean
  /**
   * Time without contact to Redis after which the member no longer admits requests, because its state is too old, ms.
   * Also the duration of the lease that the member renewed when it published these facts.
   */
  readonly bound_ms: number
  /**
   * Kinds of cluster events that the member applies. The member also acknowledges events of other kinds, but ignores
   * them.
   */
  readonly event_kinds: readonly string[]
}

/**
 * Returns the time since a member last renewed its lease, ms; `null` when its facts lack the duration of the lease.
 *
 * @param leftMs  time until the lease expires, ms
 */
export function heardMs({ bound_ms }: Pick<MemberFacts, 'bound_ms'>, leftMs: number): number | null {
  return bound_ms === 0 ? null : Math.max(0, bound_ms - leftMs)
}

/**
 * Parses the facts that a member published. The member may run another version of Gatehouse, so a missing or invalid
 * field gets a harmless default.
 */
export function readMemberFacts(json: string | null | undefined, key: string): MemberFacts {
  const read = parsed(json)
  const text = (name: string) => (typeof read[name] === 'string' ? read[name] : '')
  const count = (name: string) => (Number.isSafeInteger(read[name]) ? (read[name] as number) : null)
  const bound = read['bound_ms']
  const kinds: readonly unknown[] = Array.isArray(read['event_kinds']) ? read['event_kinds'] : []
  return {
    id: text('id') || key,
    address: text('address'),
    version: text('version'),
    revision: text('revision'),
    policy_number: count('policy_number'),
    policy_sequence: count('policy_sequence'),
    policy_failed: count('policy_failed'),
    policy_canary: read['policy_canary'] === true,
    bound_ms: typeof bound === 'number' && bound > 0 ? bound : 0,
    event_kinds: kinds.filter((kind) => typeof kind === 'string'),
  }
}

function parsed(json: string | null | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json ?? '{}')
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
