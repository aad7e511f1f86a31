import { type HeaderField, statusTitles } from '../base/denial.ts'
import { nodeHttp } from '../base/node-http.ts'
import type { ConnectionEnd } from './connection-end.ts'

const { STATUS_CODES } = nodeHttp

/** The client side of an exchange that sends one of the gate's own replies. */
export interface ReplyOwner {
  /** Called when a reply of the gate that waited for the rest of the request body has been sent. */
  onReplied(): void
}

/**
 * Sends one of the gate's own replies as a whole. A reply that closes the connection is sent after the request
 * handler's tick. If it were sent in the same tick, uWebSockets.js would still process a request from the same packet,
 * or treat the rest of a chunked body as a request.
 *
 * A reply to a request with a small rest of its body is sent when the rest has arrived.
 *
 * @param owner  notified when a reply that waited has been sent
 * @returns number of body bytes that the reply has
 */
export function replyWhole(
  end: ConnectionEnd,
  status: number,
  fields: readonly HeaderField[],
  body: string | Uint8Array,
  owner: ReplyOwner,
): number {
  if (end.hasSmallRest) end.upload!.awaitRest(() => sendWhole(end, status, fields, body, owner))
  else sendWhole(end, status, fields, body)
  return end.exchange.head.method === 'HEAD' ? 0 : Buffer.byteLength(body)
}

function sendWhole(
  end: ConnectionEnd,
  status: number,
  fields: readonly HeaderField[],
  body: string | Uint8Array,
  waiting?: ReplyOwner,
): void {
  const close = end.mustClose
  end.upload?.discard()
  const send = (): void => {
    if (end.over) return
    end.over = true
    if (!close) end.upload?.readNext()
    end.res.cork(() => write(end, status, fields, body, close))
    waiting?.onReplied()
  }
  if (close) setImmediate(send)
  else send()
}

function write(
  end: ConnectionEnd,
  status: number,
  fields: readonly HeaderField[],
  body: string | Uint8Array,
  close: boolean,
): void {
  const { res, exchange } = end
  res.writeStatus(`${status} ${statusTitles[status] ?? STATUS_CODES[status] ?? ''}`)
  for (const [name, value] of fields) res.writeHeader(name, value)
  if (close && end.endsByItself) res.writeHeader('connection', 'close')
  if (exchange.head.method === 'HEAD') res.endWithoutBody(Buffer.byteLength(body), close)
  else res.end(body, close)
}
