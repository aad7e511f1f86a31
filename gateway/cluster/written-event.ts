import type { AwaitedMember } from './acknowledgements.ts'
import { readMemberFacts } from './member.ts'
import { type Position, positionMs } from './position.ts'

/** A node that was a member of the cluster when an event was written. */
export interface WrittenMember extends AwaitedMember {
  /** Kinds of cluster events that the member applies. */
  readonly eventKinds: readonly string[]
}

/** An event that Redis has accepted. */
export interface WrittenEvent {
  /** Position of the event in the event log. */
  readonly position: Position
  /** Members of the cluster when the event was written. */
  readonly members: readonly WrittenMember[]
  /**
   * Time without contact to Redis after which all of these members refuse requests that need current revocations, ms.
   */
  readonly boundMs: number
}

/**
 * Returns the time from which every node applies an event or refuses requests (RFC 3339). Counts from the reply of Redis,
 * not from the call: a read of the event log that a member sent between call and reply may not contain the event. Counts
 * from the time at which Redis wrote the event if the wall clock of this node is behind the clock of Redis.
 *
 * @param repliedMs  time of the reply by the wall clock of this node, ms since the Unix epoch
 * @param boundMs    time without contact to Redis after which nodes refuse, ms
 */
export function fencedBy({ position }: WrittenEvent, repliedMs: number, boundMs: number): string {
  return new Date(Math.max(repliedMs, positionMs(position)) + boundMs).toISOString()
}

/**
 * Parses the reply of a script that has written an event to the event log.
 *
 * @param reply  reply of a script: id of the log entry, then for each member: its key, and its facts or ''
 */
export function readWrittenEvent([position, ...rest]: readonly string[]): WrittenEvent {
  const members: WrittenMember[] = []
  let boundMs = 0
  for (let i = 0; i + 1 < rest.length; i += 2) {
    const facts = readMemberFacts(rest[i + 1], rest[i]!)
    members.push({ key: rest[i]!, id: facts.id, eventKinds: facts.event_kinds })
    boundMs = Math.max(boundMs, facts.bound_ms)
  }
  return { position: position!, members, boundMs }
}
