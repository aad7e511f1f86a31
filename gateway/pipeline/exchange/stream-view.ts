import type { StreamKind, StreamSelector, StreamView } from '../../streams/stream-view.ts'
import { addressText } from '../client-address/address-text.ts'
import type { Recorded } from './exchange.ts'

/** Describes the stream of an exchange for operators (`gatehouse streams list`). */
export function streamView(x: Recorded): StreamView {
  const { facts, session, socket, downstream } = x
  return {
    id: x.id,
    kind: streamKind(x),
    route: x.route.id,
    issuer: facts?.issuer.issuer,
    subject: facts?.subject,
    session: session?.id ?? facts?.sessionId,
    address: addressText(x.address),
    startedMs: x.arrivedMs,
    messagesIn: socket?.messagesIn,
    messagesOut: socket?.messagesOut,
    bytesIn: downstream.bytesIn,
    bytesOut: downstream.bytesOut,
  }
}

export function streamKind({ socket, eventStream, replyHead }: Recorded): StreamKind {
  if (socket !== undefined) return 'websocket'
  if (replyHead === undefined) return 'upload'
  return eventStream ? 'events' : 'download'
}

/**
 * Whether the stream matches every value of the selector. A login session is selected by the subject of its access
 * token, or of its ID token.
 */
export function isSelected(x: Recorded, { id, route, session, subject, issuer }: StreamSelector): boolean {
  if (id !== undefined && x.id !== id) return false
  if (route !== undefined && x.route.id !== route) return false
  if (session !== undefined && x.session?.id !== session && x.facts?.sessionId !== session) return false
  if (subject === undefined && issuer === undefined) return true
  const { facts } = x
  const owners = [facts && { subject: facts.subject, issuer: facts.issuer.issuer }, x.session]
  return owners.some(
    (owner) =>
      owner !== undefined &&
      (subject === undefined || owner.subject === subject) &&
      (issuer === undefined || owner.issuer === issuer),
  )
}
