/**
 * Characters that a reader cannot see, or that change how other characters are shown: controls, format and direction
 * characters, surrogates without a partner, private and unassigned characters, spaces other than U+0020, and line
 * separators.
 */
const hidden = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{DI}\u2800]|(?! )\p{Zs}/gu

/**
 * Makes hidden characters of a text visible: controls as their symbol (␍), others by their code point (⟦U+202E⟧). Texts
 * in records come from clients, who could otherwise show an operator another text than the recorded one.
 */
export function visibleText(text: string): string {
  return text.replace(hidden, (character) => {
    const code = character.codePointAt(0)!
    if (code < 0x20) return String.fromCodePoint(0x2400 + code)
    if (code === 0x7f) return '␡'
    return `⟦U+${code.toString(16).toUpperCase().padStart(4, '0')}⟧`
  })
}
