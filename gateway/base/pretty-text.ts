/**
 * Makes a text safe for one line of a terminal: replaces control characters and bidirectional controls by visible
 * escapes (CWE-150).
 */
export function printable(text: string): string {
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (char) => {
    const code = char.charCodeAt(0)
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** Text of a value in a log line for people: without quotes if it is a word, else as JSON. */
export function prettyValue(value: unknown): string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? value : printable(JSON.stringify(value))
}
