const plain = /^[\w@%+=:,./-]+$/

/** Quotes a word for a POSIX shell, so that a copied command does the same as the view. */
export function shellWord(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/**
 * Builds a command of the command line: `gatehouse` with the words, and an option for each value that is set. `true` is
 * an option without a value.
 */
export function cliCommand(
  words: readonly string[],
  options: Readonly<Record<string, string | boolean | null | undefined>> = {},
): string {
  const flags = Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === null || value === '' || value === false) return []
    return value === true ? [`--${name}`] : [`--${name}`, shellWord(value)]
  })
  return ['gatehouse', ...words.map(shellWord), ...flags].join(' ')
}
