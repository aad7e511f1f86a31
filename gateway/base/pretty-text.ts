import { escapedCharacter } from './json-text.ts'

/**
 * Escapes all characters except printable ASCII, such as control characters and bidirectional overrides, for output on
 * a terminal (CWE-150).
 */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, escapedCharacter)
}

/** Text of a value in a log line for people: without quotes if it is a word, else as JSON. */
export function prettyValue(value: unknown): string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? value : printable(JSON.stringify(value))
}
