import type { Sinks } from './output.ts'

/** Shortest secret that is withheld, in characters. Shorter texts are ordinary words such as `Bearer`. */
const shortest = 8

/** Removes these words from a text, wherever they occur. For an option with a value, the option's name is kept. */
export function withheld(text: string, words: readonly string[]): string {
  // Longest first: a shorter word inside a longer one would otherwise leave parts of the longer one.
  const hidden = words.filter((word) => word.length >= shortest).sort((a, b) => b.length - a.length)
  return hidden.reduce((rest, word) => rest.replaceAll(word, shownOf(word)), text)
}

function shownOf(word: string): string {
  const [name = ''] = /^--[a-z-]+(?==|$)/.exec(word) ?? []
  return name === '' ? '(withheld)' : name
}

/** Wraps sinks so that they never print the secrets, neither as text nor within JSON. Secrets may be added later. */
export function withholding(sinks: Sinks, secrets: readonly string[]): Sinks {
  const guarded = (sink: Sinks['stdout']): Sinks['stdout'] => ({
    isTTY: sink.isTTY,
    write: (text: string | Uint8Array) =>
      sink.write(withheld(String(text), [...secrets, ...secrets.map((secret) => JSON.stringify(secret).slice(1, -1))])),
  })
  return { stdout: guarded(sinks.stdout), stderr: guarded(sinks.stderr) }
}
