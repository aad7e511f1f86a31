import { STATUS_CODES } from 'node:http'
import { type Denial, type Field, statusTitles } from '../base/denial.ts'
import { withResourceMetadata } from '../oauth/challenge.ts'
import type { ConnectionEnd } from './connection-end.ts'

/** The fields of a refusal: a problem document (RFC 9457), its request id, and the challenge (RFC 9110 §11.6.1). */
export function refusalFields(denial: Denial, requestId: string, metadataUrl: string): Field[] {
  const fields: Field[] = [
    ['content-type', 'application/problem+json'],
    ['cache-control', 'no-store'],
    ['x-request-id', requestId],
    ...denial.fields,
  ]
  if (denial.challenge !== undefined) {
    fields.push(['www-authenticate', withResourceMetadata(denial.challenge, metadataUrl)])
  }
  return fields
}

/**
 * Gives a reply of the gate's own, whole. One that ends the connection leaves after the handler's tick: given at once, uWS
 * would still serve a request that came in the same packet, or take the rest of a chunked body for one.
 *
 * @returns bytes of the body that go out
 */
export function replyWhole(end: ConnectionEnd, status: number, fields: readonly Field[], body: string): number {
  const close = end.mustClose
  end.upload?.discard()
  const send = (): void => {
    if (end.over) return
    end.over = true
    end.res.cork(() => write(end, status, fields, body, close))
  }
  if (close) setImmediate(send)
  else send()
  return end.exchange.head.method === 'HEAD' ? 0 : Buffer.byteLength(body)
}

function write(end: ConnectionEnd, status: number, fields: readonly Field[], body: string, close: boolean): void {
  const { res, exchange } = end
  res.writeStatus(`${status} ${statusTitles[status] ?? STATUS_CODES[status] ?? ''}`)
  for (const [name, value] of fields) res.writeHeader(name, value)
  if (close && end.endsByItself) res.writeHeader('connection', 'close')
  if (exchange.head.method === 'HEAD') res.endWithoutBody(Buffer.byteLength(body), close)
  else res.end(body, close)
}
