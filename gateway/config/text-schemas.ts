import { z } from 'zod'
import { durationForm, durationPattern, formatDuration, parseDuration } from '../base/duration.ts'
import { formatSize, parseSize, sizeForm, sizePattern } from '../base/size.ts'

/** Result of the parsing of an invalid text setting. `message` says what is wrong, and never quotes the text. */
export class InvalidText {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

/** Annotations of a text setting for JSON Schema and the configuration reference, in addition to its type. */
interface TextMeta {
  readonly pattern: string
  readonly form: 'duration' | 'size'
  readonly bounds: string
}

/**
 * Returns the schema of a text setting that is parsed into a value when the document is validated.
 *
 * @param form  required form of the text, for error messages
 */
export function parsedText<T>(form: string, parse: (text: string) => T | InvalidText | undefined, meta?: TextMeta) {
  const written = z.string({ error: `must be ${form}` })
  return (meta === undefined ? written : written.meta({ ...meta })).transform((text, context): T => {
    const value = parse(text)
    if (!(value instanceof InvalidText) && value !== undefined) return value
    const message = value instanceof InvalidText ? value.message : `must be ${form}`
    context.issues.push({ code: 'custom', message, input: text })
    return z.NEVER
  })
}

/** Returns the schema of a text setting that must match a pattern and is not transformed. */
export function text(form: string, pattern: RegExp) {
  return z.string({ error: `must be ${form}` }).regex(pattern, { error: `must be ${form}` })
}

interface Bounds {
  readonly min: string
  readonly max: string
}

/** Returns the schema of a duration setting from `min` to `max`. The parsed value is in ms. */
export function duration({ min, max }: Bounds) {
  return parsedText(
    durationForm,
    (text) => within(parseDuration(text), parseDuration(min)!, parseDuration(max)!, formatDuration),
    { pattern: durationPattern, form: 'duration', bounds: `${min} to ${max}` },
  )
}

/** Returns the schema of a duration setting from `min` to `max`, or `none`. The parsed value is in ms, or `none`. */
export function durationOrNone({ min, max }: Bounds) {
  return parsedText(
    `${durationForm}, or none`,
    (text) =>
      text === 'none' ? text : within(parseDuration(text), parseDuration(min)!, parseDuration(max)!, formatDuration),
    { pattern: orNone(durationPattern), form: 'duration', bounds: `${min} to ${max}, or none` },
  )
}

/** Returns the schema of a size setting from `min` to `max`. The parsed value is in bytes. */
export function size({ min, max }: Bounds) {
  return parsedText(sizeForm, (text) => within(parseSize(text), parseSize(min)!, parseSize(max)!, formatSize), {
    pattern: sizePattern,
    form: 'size',
    bounds: `${min} to ${max}`,
  })
}

/** Returns the schema of a size setting from `min` to `max`, or `none`. The parsed value is in bytes, or `none`. */
export function sizeOrNone({ min, max }: Bounds) {
  return parsedText(
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
  return new InvalidText(`must be from ${format(min)} to ${format(max)}`)
}
