/** Escapes a text for the content of an HTML element and for a quoted attribute value. */
export function escaped(text: string): string {
  return text.replaceAll(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/**
 * Truncates a text from outside, and replaces control characters and direction overrides with spaces.
 *
 * @param max  maximum length of the result, UTF-16 code units
 */
export function visible(text: string, max: number): string {
  return text.slice(0, max).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
}
