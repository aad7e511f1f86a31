import type { Sinks } from './output.ts'

/** Shorter ones are words, and no secrets: `Bearer`. */
const shortest = 8

/** A text without these words, wherever in it they stand; of an option with a value, the option stays. */
export function withheld(text: string, words: readonly string[]): string {
  // The longest first, or what is left of it would not be found any more.
  const hidden = words.filter((word) => word.length >= shortest).sort((a, b) => b.length - a.length)
  return hidden.reduce((rest, word) => rest.replaceAll(word, shownOf(word)), text)
}

function shownOf(word: string): string {
  const [name = ''] = /^--[a-z-]+(?==|$)/.exec(word) ?? []
  return name === '' ? '(withheld)' : name
}

/** Sinks that let none of the secrets through, as text or within JSON. More may be added while they are in use. */
export function withholding(sinks: Sinks, secrets: readonly string[]): Sinks {
  const guarded = (sink: Sinks['stdout']): Sinks['stdout'] => ({
    isTTY: sink.isTTY,
    write: (text: string | Uint8Array) =>
      sink.write(withheld(String(text), [...secrets, ...secrets.map((secret) => JSON.stringify(secret).slice(1, -1))])),
  })
  return { stdout: guarded(sinks.stdout), stderr: guarded(sinks.stderr) }
}
