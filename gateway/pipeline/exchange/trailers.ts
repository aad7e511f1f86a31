import type { Trailers } from '../../upstream/target.ts'
import type { Exchange } from './exchange.ts'
import { FieldKind, foldedName, kindOfField } from './field-kind.ts'

/**
 * Fields that a message must not have as trailers (RFC 9110 §6.5.1): control data, request modifiers, authentication,
 * and fields that describe how to process the content. Other fields that the gate never forwards are not listed.
 */
const headOnly: ReadonlySet<string> = new Set([
  'accept-ranges',
  'age',
  'alt-svc',
  'authentication-info',
  'cache-control',
  'clear-site-data',
  'connection',
  'cookie',
  'date',
  'dpop-nonce',
  'etag',
  'expires',
  'host',
  'http2-settings',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'keep-alive',
  'last-modified',
  'link',
  'location',
  'max-forwards',
  'pragma',
  'range',
  'ratelimit',
  'ratelimit-policy',
  'refresh',
  'server',
  'set-cookie',
  'set-cookie2',
  'strict-transport-security',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'warning',
  'www-authenticate',
  'x-request-id',
])

/** Prefixes of names of fields that a message must not have as trailers. */
const headOnlyPrefixes = ['access-control-', 'content-', 'cross-origin-', 'proxy-', 'sec-', 'x-gatehouse-'] as const

function belongsInHead(name: string): boolean {
  return headOnly.has(name) || headOnlyPrefixes.some((prefix) => name.startsWith(prefix))
}

/** Matches characters that a trailer must not contain. */
const unsafe = /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/

/** Selects the trailers of the service that are forwarded to the client. */
export function replyTrailers(trailers: Trailers): Trailers {
  return kept(trailers, (name) => kindOfField(name) === undefined || belongsInHead(name))
}

/**
 * Selects the trailers of the client that are forwarded to the service. A service may read trailers as header fields.
 * So a trailer is dropped if the client could not send it as header field, or if it contains a credential.
 */
export function requestTrailers(trailers: Trailers, { route }: Exchange): Trailers {
  const credentialFields = route?.service.credentialFields
  return kept(
    trailers,
    (name) =>
      kindOfField(name) !== FieldKind.ordinary ||
      belongsInHead(name) ||
      credentialFields?.has(foldedName(name)) === true,
  )
}

/** Whether trailers of a request are within the limits of a request head. */
export function areTrailersBounded(trailers: Trailers, { gate }: Exchange): boolean {
  const { fieldsMax, headMaxBytes } = gate.limits
  if (trailers.length / 2 > fieldsMax) return false
  let bytes = 0
  for (const text of trailers) bytes += text.length + 2
  return bytes <= headMaxBytes
}

function kept(trailers: Trailers, isDropped: (name: string) => boolean): Trailers {
  const fields: string[] = []
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i]!
    const value = trailers[i + 1]!
    if (!isDropped(name) && !unsafe.test(value)) fields.push(name, value)
  }
  return fields
}
