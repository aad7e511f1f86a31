import { addressKey } from '../../base/address-key.ts'
import { type Denial, denial } from '../../base/denial.ts'
import type { Recorded } from './exchange.ts'

const full = denial('streams-full', { fields: [['retry-after', '5']] })
const limited = denial('stream-limited', { fields: [['retry-after', '5']] })

/**
 * Counts an event stream or WebSocket against the limits of streams until its exchange ends. Counts it once: a service
 * can answer a WebSocket handshake with an event stream.
 *
 * @returns the denial when a limit is reached; the stream is then not counted
 */
export function claimStream(x: Recorded): Denial<'streams-full' | 'stream-limited'> | undefined {
  const { route, facts, gate } = x
  if (gate.streams === undefined || x.streamClaim !== undefined) return undefined
  const claim = {
    route: route.id,
    address: addressKey(x.address),
    subject: facts && `${facts.issuer.issuer}\0${facts.subject}`,
    max: route.streams.max,
    maxPerSubject: route.streams.maxPerSubject,
  }
  const reason = gate.streams.counts.take(claim)
  if (reason === undefined) {
    x.streamClaim = claim
    // Stop counting the exchange as in flight: a stream can stay open for hours, and the limits of streams apply to it,
    // instead of the limit of exchanges in flight.
    gate.overload.leave(x)
    return undefined
  }
  return reason === 'streams-full' ? full : limited
}
