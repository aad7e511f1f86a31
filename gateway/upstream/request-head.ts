import { GatewayFault } from '../base/fault.ts'
import type { UpstreamRequest } from './target.ts'

/** Methods whose requests normally have a body: `Content-Length: 0` is sent when it is absent (RFC 9110 §8.6). */
const withContent: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/**
 * Matches characters that must not be in a request head. A line end would split the request. A character above U+00FF
 * would be truncated to another byte.
 */
const unsafe = /[\0\r\n\u0100-\uffff]/
const unsafeInLine = /[\0-\x20\x7f\u0100-\uffff]/

/** The head of a request as sent on the wire, Latin-1, and the length of its body. */
export interface UpstreamRequestHead {
  readonly text: string
  /** Exact body length, bytes; `undefined` for a chunked or absent body. */
  readonly contentLength: number | undefined
}

/**
 * Serializes the head of a request, `Host` first (RFC 9110 §7.2).
 *
 * @param host        value of `Host` for a request without a `Host` field
 * @param connection  value of `Connection`
 * @throws {GatewayFault} `node-fault` when the method, the target or a field contains an unsafe character
 */
export function requestHead(
  request: Pick<UpstreamRequest, 'method' | 'target' | 'fields' | 'body'>,
  host: string,
  connection = 'keep-alive',
): UpstreamRequestHead {
  const { method, target, fields, body } = request
  if (method === '' || target === '' || unsafeInLine.test(method) || unsafeInLine.test(target)) throw unsafeRequest()
  let lines = ''
  let contentLength: number | undefined
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (unsafe.test(name) || unsafe.test(value)) throw unsafeRequest()
    if (name.length === 4 && name === 'host') {
      host = value
      continue
    }
    if (name.length === 14 && name === 'content-length') contentLength = Number(value)
    lines += `${name}: ${value}\r\n`
  }
  if (contentLength === undefined) {
    if (body !== undefined) lines += 'transfer-encoding: chunked\r\n'
    else if (withContent.has(method)) lines += 'content-length: 0\r\n'
  }
  return {
    text: `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: ${connection}\r\n${lines}\r\n`,
    contentLength,
  }
}

function unsafeRequest(): GatewayFault {
  return new GatewayFault('node-fault', 'node', 'the request head contains characters that are invalid on the wire')
}
