/** JSON needs more than quotes for these; U+2028 and U+2029 are line ends to some readers (CWE-117). */
const needsEscape = /["\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]/

/** A text as JSON, on one line for every reader. By template a line costs a quarter of what `JSON.stringify` takes. */
export function quoted(text: string): string {
  if (!needsEscape.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(/[\x7f-\x9f\u2028\u2029]/g, escapedCharacter)
}

export function escapedCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** `.000` to `.999`. */
const thousandths = Array.from({ length: 1000 }, (_, n) => `.${String(n).padStart(3, '0')}`)

/** Microseconds are enough. Out of whole numbers: the shortest digits of a fraction take ten times as long to find. */
export function msText(value: number): string {
  const us = Math.max(0, Math.round(value * 1000))
  return Math.floor(us / 1000) + thousandths[us % 1000]!
}

let lastMs = 0
let lastIso = ''

/** RFC 3339, UTC, with a memory of one. */
export function isoTime(nowMs: number): string {
  if (nowMs !== lastMs) {
    lastMs = nowMs
    lastIso = new Date(nowMs).toISOString()
  }
  return lastIso
}
