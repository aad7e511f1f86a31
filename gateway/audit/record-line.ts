import { escaped, isoTime } from '../base/json-text.ts'
import type { RecordField, RecordKind } from './record.ts'

/** Longest text that a record takes of what somebody else wrote; more is cut off. In UTF-16 units. */
const TEXT_MAX = 1024
/** Of `…`, which ends a text that was cut. */
const ELLIPSIS_BYTES = 3
/** The same of a path or query. */
export const TARGET_MAX = 8192

/** A text of somebody else's as JSON on one line, cut to a bounded length. */
export function quotedText(text: string, max = TEXT_MAX): string {
  return `"${escapedText(text, max)}"`
}

/** The same without its quotes. */
export function escapedText(text: string, max = TEXT_MAX): string {
  return escaped(text.length <= max ? text : `${text.slice(0, max)}…`)
}

/** The same cut to a number of bytes, escapes included. */
export function escapedBytes(text: string, maxBytes: number): string {
  if (text.length <= maxBytes) {
    const whole = escaped(text)
    if (Buffer.byteLength(whole) <= maxBytes) return whole
  }
  let cut = ''
  let left = maxBytes - ELLIPSIS_BYTES
  for (const character of text) {
    const piece = escaped(character)
    left -= Buffer.byteLength(piece)
    if (left < 0) break
    cut += piece
  }
  return `${cut}…`
}

/** Fields of a record; what is `undefined` is left out. */
export type RecordFacts = Readonly<
  Partial<Record<Exclude<RecordField, 'id' | 'time' | 'kind'>, string | number | undefined>>
>

/**
 * A record without its id, as `Chain.add` takes it. For what happens now and then; exchanges have a template.
 *
 * @param nowMs  ms since the epoch
 */
export function recordLine(kind: RecordKind, nowMs: number, facts: RecordFacts): string {
  let line = `"time":"${isoTime(nowMs)}","kind":"${kind}"`
  for (const [name, value] of Object.entries(facts)) {
    if (value !== undefined) line += `,"${name}":${typeof value === 'number' ? value : quotedText(value)}`
  }
  return `${line}}`
}
