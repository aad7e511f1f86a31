/**
 * Shortest word that is removed from a text, in characters. A shorter word is usually an ordinary word such as
 * `Bearer`, not a secret.
 */
const shortest = 8

/**
 * Replaces those of the `words` that have at least 8 characters by `(withheld)`, wherever they occur in the text. A
 * word such as `--token=x` is replaced by the name of the option instead.
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
