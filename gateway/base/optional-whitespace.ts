const SPACE = 0x20
const TAB = 0x09

/**
 * Removes leading and trailing spaces and tabs, the optional whitespace of fields (RFC 9110 §5.6.3). `String.trim`
 * would also remove U+00A0, U+FEFF and others, which other programs do not treat as whitespace.
 */
export function trimOptionalWhitespace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isOptionalWhitespace(text.charCodeAt(start))) start++
  while (end > start && isOptionalWhitespace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isOptionalWhitespace(code: number): boolean {
  return code === SPACE || code === TAB
}
