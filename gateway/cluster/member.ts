import type { Position } from './position.ts'

/** A node of the cluster, as `gatehouse nodes` and the admin API list it (snake_case goes over the wire). */
export interface MemberListing {
  readonly id: string
  /** host:port of its data plane. */
  readonly address: string
  readonly version: string
  /** Of the policy in force there. */
  readonly revision: string
  /** Up to where it has applied the events. */
  readonly position: Position
  /** How long before the newest event that one was written, ms. */
  readonly lag_ms: number
}

/** What a member says of itself, beside its lease. */
export interface MemberFacts {
  readonly id: string
  readonly address: string
  readonly version: string
  readonly revision: string
  /** After so long without contact it admits nothing any more that it cannot vouch for, ms. */
  readonly bound_ms: number
}

/** Written by another node, perhaps of another version: what is missing or strange gets a harmless value. */
export function readMemberFacts(json: string | null | undefined, key: string): MemberFacts {
  const read = parsed(json)
  const text = (name: string) => (typeof read[name] === 'string' ? read[name] : '')
  const bound = read['bound_ms']
  return {
    id: text('id') || key,
    address: text('address'),
    version: text('version'),
    revision: text('revision'),
    bound_ms: typeof bound === 'number' && bound > 0 ? bound : 0,
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
