/** JSON needs more than quotes for these; U+2028 and U+2029 are line ends to some readers (CWE-117). */
const needsEscape = /["\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]/

/** A text as JSON, on one line for every reader. By template a line costs a quarter of what `JSON.stringify` takes. */
export function quoted(text: string): string {
  return `"${escaped(text)}"`
}

/** The same without its quotes, for templates that have them: a line costs by its pieces, and most texts are one as they are. */
export function escaped(text: string): string {
  if (!needsEscape.test(text)) return text
  return JSON.stringify(text)
    .slice(1, -1)
    .replace(/[\x7f-\x9f\u2028\u2029]/g, escapedCharacter)
}

export function escapedCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** A text that is made once and put into many lines: in one piece, where the engine would keep the pieces that made it. */
export function inOnePiece(text: string): string {
  return Buffer.from(text).toString()
}

/** `.000` to `.999`. */
const thousandths = Array.from({ length: 1000 }, (_, n) => `.${String(n).padStart(3, '0')}`)
const belowOne = thousandths.map((text) => `0${text}`)
const endsOfTime = thousandths.map((text) => `${text}Z`)

/** Microseconds are enough. Out of whole numbers: the shortest digits of a fraction take ten times as long to find. */
export function msText(value: number): string {
  const us = Math.max(0, Math.round(value * 1000))
  return us < 1000 ? belowOne[us]! : Math.floor(us / 1000) + thousandths[us % 1000]!
}

let lastSecond = Number.NaN
/** Up to the seconds. */
let lastIso = ''

/** RFC 3339, UTC, with a memory of one second. @param nowMs  whole ms since the epoch */
export function isoTime(nowMs: number): string {
  const second = Math.floor(nowMs / 1000)
  if (second !== lastSecond) {
    lastSecond = second
    lastIso = new Date(second * 1000).toISOString().slice(0, 19)
  }
  return lastIso + endsOfTime[nowMs - second * 1000]!
}
