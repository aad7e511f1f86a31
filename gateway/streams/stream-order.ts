import type { StreamSelector } from './stream-view.ts'

/** Kind of the cluster event that orders nodes to end streams. */
export const END_STREAMS = 'end-streams'

const members = ['id', 'route', 'session', 'subject', 'issuer'] as const

/** Formats an order to end streams as the payload of a cluster event. */
export function writeStreamOrder(selector: StreamSelector): string {
  return JSON.stringify(selector)
}

/**
 * Reads an order to end streams from the payload of a cluster event.
 *
 * @returns `undefined` for an order of a newer version that this version cannot read. This node then ends no stream,
 *   because it could end streams that the order does not select
 */
export function readStreamOrder(payload: Buffer): StreamSelector | undefined {
  let read: unknown
  try {
    read = JSON.parse(payload.toString())
  } catch {
    return undefined
  }
  if (typeof read !== 'object' || read === null) return undefined
  const entries = Object.entries(read)
  const isKnown = entries.every(([name, value]) => members.some((each) => each === name) && typeof value === 'string')
  return isKnown && entries.length > 0 ? (read as StreamSelector) : undefined
}
