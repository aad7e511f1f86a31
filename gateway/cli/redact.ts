/** Shortest secret that is removed from a text, in characters. Shorter words are ordinary words such as `Bearer`. */
const shortest = 8

/**
 * Replaces words in a text by `(withheld)`, wherever a word occurs. An option with a value is replaced by the name of
 * the option.
 */
export function redact(text: string, words: readonly string[]): string {
  // Longest words first: the replacement of a shorter word inside a longer word would leave parts of the longer word.
  const hidden = words.filter((word) => word.length >= shortest).sort((a, b) => b.length - a.length)
  return hidden.reduce((rest, word) => rest.replaceAll(word, replacementOf(word)), text)
}

function replacementOf(word: string): string {
  const [name = ''] = /^--[a-z-]+(?==|$)/.exec(word) ?? []
  return name === '' ? '(withheld)' : name
}
