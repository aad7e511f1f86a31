import { escapeJson, isoTime } from '../base/json-text.ts'
import type { RecordField, RecordKind } from './record.ts'

/** Maximum length of untrusted text in an audit record, UTF-16 units. Longer text is cut. */
const TEXT_MAX = 1024
/** Number of bytes of `…` in UTF-8; the character ends a text that was cut. */
const ELLIPSIS_BYTES = 3
/** Maximum length of a path or query in an audit record, UTF-16 units. */
export const TARGET_MAX = 8192

/** Encodes untrusted text as a JSON string on one line, cut to `max` UTF-16 units. */
export function quotedText(text: string, max = TEXT_MAX): string {
  return `"${escapedText(text, max)}"`
}

/** Encodes untrusted text like `quotedText`, but without the quotes. */
export function escapedText(text: string, max = TEXT_MAX): string {
  return escapeJson(text.length <= max ? text : `${text.slice(0, max)}…`)
}

/** Encodes untrusted text as JSON string without quotes, cut to `maxBytes` bytes, escapes included. */
export function escapedBytes(text: string, maxBytes: number): string {
  if (text.length <= maxBytes) {
    const whole = escapeJson(text)
    if (Buffer.byteLength(whole) <= maxBytes) return whole
  }
  let cut = ''
  let left = maxBytes - ELLIPSIS_BYTES
  for (const character of text) {
    const piece = escapeJson(character)
    left -= Buffer.byteLength(piece)
    if (left < 0) break
    cut += piece
  }
  return `${cut}…`
}

/** Fields of an audit record; a field that is `undefined` is omitted. */
export type RecordFacts = Readonly<
  Partial<Record<Exclude<RecordField, 'id' | 'time' | 'kind'>, string | number | undefined>>
>

/**
 * Builds an audit record without its id, in the form that `Chain.add` expects. Used for infrequent records; records of
 * exchanges are built from a precompiled template.
 *
 * @param nowMs  time of the record, ms since the epoch
 */
export function recordLine(kind: RecordKind, nowMs: number, facts: RecordFacts): string {
  let line = `"time":"${isoTime(nowMs)}","kind":"${kind}"`
  for (const [name, value] of Object.entries(facts)) {
    if (value !== undefined) line += `,"${name}":${typeof value === 'number' ? value : quotedText(value)}`
  }
  return `${line}}`
}
