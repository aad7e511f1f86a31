import { z } from 'zod'
import { durationForm, durationPattern, formatDuration, parseDuration } from '../base/duration.ts'
import { formatSize, parseSize, sizeForm, sizePattern } from '../base/size.ts'

/** Why a text is not what it should be. The message never quotes the text. */
export class Unfit {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

/** What JSON Schema and reference say of a text beside its type. */
interface TextMeta {
  readonly pattern: string
  readonly form: 'duration' | 'size'
  readonly bounds: string
}

/** A text that is read into a value when the document is checked. `form` says what it must be. */
export function parsed<T>(form: string, parse: (text: string) => T | Unfit | undefined, meta?: TextMeta) {
  const written = z.string({ error: `must be ${form}` })
  return (meta === undefined ? written : written.meta({ ...meta })).transform((text, context): T => {
    const value = parse(text)
    if (!(value instanceof Unfit) && value !== undefined) return value
    const message = value instanceof Unfit ? value.message : `must be ${form}`
    context.issues.push({ code: 'custom', message, input: text })
    return z.NEVER
  })
}

/** A text that is kept as it is, and must have a form. */
export function text(form: string, pattern: RegExp) {
  return z.string({ error: `must be ${form}` }).regex(pattern, { error: `must be ${form}` })
}

interface Bounds {
  readonly min: string
  readonly max: string
}

/** A duration within bounds, in ms. */
export function duration({ min, max }: Bounds) {
  return parsed(
    durationForm,
    (text) => within(parseDuration(text), parseDuration(min)!, parseDuration(max)!, formatDuration),
    { pattern: durationPattern, form: 'duration', bounds: `${min} to ${max}` },
  )
}

/** A duration within bounds, in ms, or `none`. */
export function durationOrNone({ min, max }: Bounds) {
  return parsed(
    `${durationForm}, or none`,
    (text) =>
      text === 'none' ? text : within(parseDuration(text), parseDuration(min)!, parseDuration(max)!, formatDuration),
    { pattern: orNone(durationPattern), form: 'duration', bounds: `${min} to ${max}, or none` },
  )
}

/** A size within bounds, in bytes. */
export function size({ min, max }: Bounds) {
  return parsed(sizeForm, (text) => within(parseSize(text), parseSize(min)!, parseSize(max)!, formatSize), {
    pattern: sizePattern,
    form: 'size',
    bounds: `${min} to ${max}`,
  })
}

/** A size within bounds, in bytes, or `none`. */
export function sizeOrNone({ min, max }: Bounds) {
  return parsed(
    `${sizeForm}, or none`,
    (text) => (text === 'none' ? text : within(parseSize(text), parseSize(min)!, parseSize(max)!, formatSize)),
    { pattern: orNone(sizePattern), form: 'size', bounds: `${min} to ${max}, or none` },
  )
}

function orNone(pattern: string): string {
  return `${pattern}|^none$`
}

function within(value: number | undefined, min: number, max: number, format: (value: number) => string) {
  if (value === undefined || (value >= min && value <= max)) return value
  return new Unfit(`must be from ${format(min)} to ${format(max)}`)
}
