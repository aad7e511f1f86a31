import { GatewayFault } from '../../base/fault.ts'
import type { UpstreamRequest } from '../target.ts'
import { neverIndex } from './never-indexed.ts'

/**
 * Fields that HPACK may add to its table, which all clients of a session share. All other fields are never indexed (RFC
 * 7541 §7.1.3), so that credentials in any field, and statements about a client, stay out of the table. Otherwise a
 * client could guess values of other clients by the size of compressed heads.
 */
const indexed: ReadonlySet<string> = new Set([
  ':method',
  ':scheme',
  ':authority',
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-type',
  'grpc-accept-encoding',
  'grpc-encoding',
  'te',
  'user-agent',
  'via',
  'x-forwarded-proto',
])

/** Matches characters that a field must not contain. Node.js does not check values before it sends them. */
const unsafe = /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/
const unsafeInLine = /[\0-\x20\x7f\u0100-\uffff]/

/** The head of a request in the form that node:http2 sends, and the length of the request body. */
export interface RequestList {
  /** Fields of the request: alternating names and values, Latin-1. */
  readonly fields: readonly string[]
  /** Exact body length, bytes; `undefined` for a body of unknown length, and without a body. */
  readonly contentLength: number | undefined
}

/**
 * Builds the field list of a request (RFC 9113 §8.3.1).
 *
 * @param authority  `:authority` for a request without a `Host` field
 * @throws {GatewayFault} `node-fault` when the method, the target or a field contains an unsafe character
 */
export function requestList(
  request: Pick<UpstreamRequest, 'method' | 'target' | 'fields'>,
  scheme: 'http' | 'https',
  authority: string,
): RequestList {
  const { method, target, fields } = request
  if (method === '' || target === '' || unsafeInLine.test(method) || unsafeInLine.test(target)) throw unsafeRequest()
  const list = [':method', method, ':scheme', scheme, ':authority', authority, ':path', target]
  const secrets = [':path']
  let contentLength: number | undefined
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (unsafe.test(name) || unsafe.test(value)) throw unsafeRequest()
    if (name === 'host') {
      list[5] = value
      continue
    }
    if (name === 'content-length') contentLength = Number(value)
    list.push(name, value)
    if (!indexed.has(name)) secrets.push(name)
  }
  neverIndex(list, secrets)
  return { fields: list, contentLength }
}

function unsafeRequest(): GatewayFault {
  return new GatewayFault('node-fault', 'node', 'the request head contains characters that are invalid on the wire')
}
