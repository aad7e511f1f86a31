import type { AwaitedMember } from './acknowledgements.ts'
import { readMemberFacts } from './member.ts'
import type { Position } from './position.ts'

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
