/** Shortest secret that is removed, in characters. Shorter texts are ordinary words such as `Bearer`. */
const shortest = 8

/**
 * Replaces these words by `(withheld)`, wherever they occur in the text. Of an option with a value, the option's name
 * is kept.
 */
export function redact(text: string, words: readonly string[]): string {
  // Longest first: a shorter word inside a longer one would otherwise leave parts of the longer one.
  const hidden = words.filter((word) => word.length >= shortest).sort((a, b) => b.length - a.length)
  return hidden.reduce((rest, word) => rest.replaceAll(word, replacementOf(word)), text)
}

function replacementOf(word: string): string {
  const [name = ''] = /^--[a-z-]+(?==|$)/.exec(word) ?? []
  return name === '' ? '(withheld)' : name
}
