import { type Denial, denial } from '../base/denial.ts'
import type { Reason } from '../base/reasons.ts'
import type { ServicePolicy } from './snapshot.ts'

/** Reasons for which a path is rejected before its service is known. */
export const pathReasons = [
  'target-malformed',
  'path-dot-segment',
  'path-empty-segment',
  'path-backslash',
  'path-control',
  'path-fragment',
  'path-raw-character',
  'path-escape',
  'path-utf8',
] as const satisfies readonly Reason[]

type PathReason = (typeof pathReasons)[number]

/** Reasons for which a service rejects a path that is in normal form. */
export const servicePathReasons = ['path-encoded-slash', 'path-parameter'] as const satisfies readonly Reason[]

export type ServicePathReason = (typeof servicePathReasons)[number]

const refusals: { readonly [R in PathReason | ServicePathReason]: Denial<R> } = {
  'target-malformed': denial('target-malformed'),
  'path-dot-segment': denial('path-dot-segment'),
  'path-empty-segment': denial('path-empty-segment'),
  'path-backslash': denial('path-backslash'),
  'path-encoded-slash': denial('path-encoded-slash'),
  'path-parameter': denial('path-parameter'),
  'path-control': denial('path-control'),
  'path-fragment': denial('path-fragment'),
  'path-raw-character': denial('path-raw-character'),
  'path-escape': denial('path-escape'),
  'path-utf8': denial('path-utf8'),
}

/**
 * Matches a path that is already in normal form: no escapes, no empty segment, and no segment that starts with a dot.
 * Nearly every path in practice matches.
 */
const plain = /^\/(?:[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*\/)*(?:[\w~!$&'()*+,=:@-][\w.~!$&'()*+,=:@-]*)?$/
const unreserved = /^[A-Za-z0-9._~-]$/
/**
 * Matches a dot segment (`.` or `..`) in any form that another proxy or a service could recognize. The segment can end
 * at a slash, at an escaped slash, or at the `;` where some servers cut a segment.
 */
const dotSegment = /(?:\/|%2F)\.{1,2}(?:[/;]|%2F|%3B|$)/
const emptySegment = /\/[/;]/

/**
 * Converts a path to its normal form, which is matched and forwarded. Decodes escapes of unreserved characters once,
 * and upper-cases the digits of other escapes (RFC 3986 §6.2.2). A path that servers could interpret differently is
 * rejected.
 *
 * The service is not known before the match, so `%2F` and `;` are accepted here. `refusedBy` checks them later.
 *
 * @param raw  request target without its query
 * @returns the path in normal form, or a denial; a path that is already normal is returned as the same string. The time
 *   is linear in the length of the path
 */
export function normalizePath(raw: string): string | Denial<PathReason> {
  if (plain.test(raw)) return raw
  if (raw.charCodeAt(0) !== 0x2f) return refusals['target-malformed']
  const path = readEscapes(raw)
  if (typeof path !== 'string') return path
  if (emptySegment.test(path)) return refusals['path-empty-segment']
  if (dotSegment.test(path)) return refusals['path-dot-segment']
  return path
}

/**
 * Returns the denial for a path that the service does not accept, else `undefined`. Without a service, `%2F` and `;`
 * are both denied.
 */
export function refusedBy(
  service: Pick<ServicePolicy, 'encodedSlashes' | 'pathParameters'> | undefined,
  path: string,
): Denial<ServicePathReason> | undefined {
  if (service?.encodedSlashes !== 'keep' && path.includes('%2F')) return refusals['path-encoded-slash']
  if (service?.pathParameters !== 'allow' && path.includes(';')) return refusals['path-parameter']
  return undefined
}

function readEscapes(raw: string): string | Denial<PathReason> {
  let path = ''
  for (let i = 0; i < raw.length; i++) {
    const char = raw[i]!
    if (char !== '%') {
      const reason = rawReason(char)
      if (reason !== undefined) return refusals[reason]
      path += char
      continue
    }
    const byte = escapedByte(raw, i)
    if (byte === undefined) return refusals['path-escape']
    if (byte < 0x20 || byte === 0x7f) return refusals['path-control']
    if (byte === 0x5c) return refusals['path-backslash']
    if (byte >= 0x80) {
      const length = utf8Length(raw, i, byte)
      if (length === 0) return refusals['path-utf8']
      path += raw.slice(i, i + length * 3).toUpperCase()
      i += length * 3 - 1
      continue
    }
    const decoded = String.fromCharCode(byte)
    path += unreserved.test(decoded) ? decoded : raw.slice(i, i + 3).toUpperCase()
    i += 2
  }
  return path
}

function rawReason(char: string): PathReason | undefined {
  if (char < '!' || char > '~') return 'target-malformed'
  if (char === '#') return 'path-fragment'
  if (char === '\\') return 'path-backslash'
  return '<>"{}^`?'.includes(char) ? 'path-raw-character' : undefined
}

/** Returns the byte value of the percent escape at index `at`; `undefined` if there is no escape at this index. */
function escapedByte(raw: string, at: number): number | undefined {
  if (raw[at] !== '%') return undefined
  const high = hexDigit(raw.charCodeAt(at + 1))
  const low = hexDigit(raw.charCodeAt(at + 2))
  return high < 0 || low < 0 ? undefined : high * 16 + low
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/**
 * Returns the number of bytes of the escaped UTF-8 sequence at index `at` (RFC 3629 §4). Overlong forms, surrogates and
 * code points above U+10FFFF are invalid.
 *
 * @returns 2 to 4 bytes; 0 for an invalid sequence
 */
function utf8Length(raw: string, at: number, lead: number): number {
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  for (let i = 1; i < length; i++) {
    const byte = escapedByte(raw, at + i * 3)
    if (byte === undefined || byte < 0x80 || byte > 0xbf) return 0
    if (i > 1) continue
    if ((lead === 0xe0 && byte < 0xa0) || (lead === 0xed && byte > 0x9f)) return 0
    if ((lead === 0xf0 && byte < 0x90) || (lead === 0xf4 && byte > 0x8f)) return 0
  }
  return length
}
