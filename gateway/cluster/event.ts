import { GatewayFault } from '../base/fault.ts'
import type { Position } from './position.ts'

/** An entry of the cluster's event log. */
export interface ClusterEvent {
  readonly position: Position
  readonly kind: string
  readonly payload: Buffer
  /** True when a caller waits until every member has applied this event. */
  readonly awaited: boolean
}

/**
 * Time for which events stay in the event log, ms. A disconnected node loses its membership much earlier, so a
 * member misses no event.
 */
export const KEEP_EVENTS_MS = 15 * 60_000

/**
 * Kind of the periodic heartbeat event. Heartbeats keep the positions of the members recent, also when nothing happens.
 * A member notices by them whether the log is only quiet or has lost entries.
 */
export const HEARTBEAT = 'beat'

/**
 * Parses the reply to an XREAD of the event log, with strings as buffers. Entries have the fields `k` (kind), `r`
 * (payload) and `w` (`1` when a caller waits for acknowledgements).
 */
export function readEvents(reply: unknown): ClusterEvent[] {
  if (reply === null || reply === undefined) return []
  // Handle both protocols of Redis: in RESP3 the reply is a map, which the driver turns into a flat list. In RESP2 the
  // reply is a list of pairs.
  const stream: unknown = Array.isArray(reply) && Array.isArray(reply[0]) ? reply[0] : reply
  if (!Array.isArray(stream) || !Array.isArray(stream[1])) {
    throw new GatewayFault('store-unavailable', 'store', 'redis: unexpected reply to a read of the cluster event log')
  }
  const entries = stream[1] as readonly (readonly [Buffer, readonly Buffer[] | null])[]
  return entries.map(([position, fields]) => eventOf(position.toString('latin1'), fields ?? []))
}

const nothing = Buffer.alloc(0)

function eventOf(position: Position, fields: readonly Buffer[]): ClusterEvent {
  let kind = ''
  let payload: Buffer = nothing
  let awaited = false
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i]!.toString('latin1')
    if (name === 'k') kind = fields[i + 1]!.toString('latin1')
    else if (name === 'r') payload = fields[i + 1]!
    else if (name === 'w') awaited = fields[i + 1]!.toString('latin1') === '1'
  }
  return { position, kind, payload, awaited }
}
