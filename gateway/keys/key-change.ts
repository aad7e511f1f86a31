import { isDeepStrictEqual } from 'node:util'
import { type KeyKind, keyKinds } from '../config/key-kinds.ts'
import type { KeyRings, SettingKeys } from '../config/key-rings.ts'
import { ConfigError, nowhere, type Problem, problem } from '../config/problem.ts'

export interface KeyChangeDependencies {
  readonly keyRings: KeyRings
  /**
   * Returns the time until which a key must stay because data that it wrote are in use, ms since the epoch; 0 for a key
   * that is not in use.
   *
   * @throws {ConfigError} as a rejection, when the time cannot be determined now
   */
  readonly neededUntilMs: (kind: KeyKind, id: string) => number | Promise<number>
  readonly nowMs?: () => number
}

/** Changes the keys of a process, unless the change drops a key that is still in use. */
export class KeyChange {
  readonly #dependencies: KeyChangeDependencies

  constructor(dependencies: KeyChangeDependencies) {
    this.#dependencies = dependencies
  }

  /** @throws {ConfigError} as a rejection, with all keys that are in use and that `next` lacks */
  async check(next: SettingKeys): Promise<void> {
    const problems: Problem[] = []
    for (const kind of keyKinds) {
      for (const { id, isAltered } of this.#dropped(kind, next)) {
        const why = await this.#use(kind, id)
        if (why === undefined) continue
        const message = isAltered
          ? `key \`${id}\` of keys.${kind} has another value, but the old value is still in use: ${why}`
          : `key \`${id}\` of keys.${kind} is missing, but it is still in use: ${why}`
        const hint = isAltered ? 'restore the value, and add the new value under a new id' : 'restore the key'
        problems.push(problem('GH_CONFIG_KEY_MISSING', message, ['keys', kind], nowhere, hint))
      }
    }
    if (problems.length > 0) throw new ConfigError(problems)
  }

  /** Returns the keys in force that the new settings `next` lack or have with another value. */
  #dropped(kind: KeyKind, next: SettingKeys): DroppedKey[] {
    return this.#dependencies.keyRings.of(kind).keys.flatMap((key): DroppedKey[] => {
      const same = next[kind].find(({ id }) => id === key.id)
      if (same === undefined) return [{ id: key.id, isAltered: false }]
      return isDeepStrictEqual(same, key) ? [] : [{ id: key.id, isAltered: true }]
    })
  }

  /** Returns a text that says why the key is in use; `undefined` when it is not in use. */
  async #use(kind: KeyKind, id: string): Promise<string | undefined> {
    const { keyRings, neededUntilMs, nowMs = Date.now } = this.#dependencies
    if (keyRings.of(kind).writer?.id === id) return `this process ${verbs[kind]} with it`
    const untilMs = await neededUntilMs(kind, id)
    return untilMs > nowMs() ? `it is needed until ${new Date(untilMs).toISOString()}` : undefined
  }
}

interface DroppedKey {
  readonly id: string
  /** Whether the reloaded settings have a key with the same id and another value. */
  readonly isAltered: boolean
}

const verbs: Readonly<Record<KeyKind, string>> = {
  assertion: 'signs',
  encryption: 'encrypts',
  audit: 'seals',
  policy: 'signs',
}
