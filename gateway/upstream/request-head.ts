import { GatewayFault } from '../base/fault.ts'
import type { UpstreamRequest } from './target.ts'

/** Methods whose request has a body by their meaning: without one, its length of 0 is said (RFC 9110 §8.6). */
const withContent: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** A line end splits a request, and a character above 0xff would be cut to another byte on the wire. */
const unsafe = /[\0\r\n\u0100-\uffff]/
const unsafeInLine = /[\0-\x20\x7f\u0100-\uffff]/

/** The head of a request as it goes on the wire, in Latin-1, and what it says of the body. */
export interface RequestHead {
  readonly text: string
  /** Exact, bytes; `undefined`: chunked, or none. */
  readonly contentLength: number | undefined
}

/**
 * Writes the head of a request, `Host` first (RFC 9110 §7.2).
 *
 * @param host  for a request that has none
 * @throws {GatewayFault} `node-fault` for what would not be one request, or not this one
 */
export function requestHead(request: UpstreamRequest, host: string): RequestHead {
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
    text: `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${lines}\r\n`,
    contentLength,
  }
}

function unsafeRequest(): GatewayFault {
  return new GatewayFault('node-fault', 'node', 'a request that would not be one on the wire')
}
