/**
 * Minimum length of a word that is removed from a text, characters. A shorter word is usually an ordinary word such as
 * `Bearer`, not a secret.
 */
const shortest = 8

/**
 * Replaces each of `words` that has at least 8 characters by `(withheld)`, wherever it occurs in the text. A word such
 * as `--token=x` is replaced by `--token`.
 */
export function redact(text: string, words: readonly string[]): string {
  // Replace the longest secret words first: otherwise a shorter word inside a longer word would be replaced, and the
  // rest of the longer word would stay.
  const hidden = words.filter((word) => word.length >= shortest).sort((a, b) => b.length - a.length)
  return hidden.reduce((rest, word) => rest.replaceAll(word, replacementOf(word)), text)
}

function replacementOf(word: string): string {
  const [name = ''] = /^--[a-z-]+(?==|$)/.exec(word) ?? []
  return name === '' ? '(withheld)' : name
}
