import { statSync } from 'node:fs'
import type { Expiry } from '../base/expiries.ts'
import type { LoadedSettings } from './settings.ts'

const filePrefix = 'file '

/**
 * Lists when secrets and keys of the settings expire. Includes those that have `expires`. With `keys.max_age`, also
 * includes all other keys in files: they expire at this age of their file.
 */
export function settingsExpiries({
  settings: { secretExpiries, keys },
  keySources,
}: {
  readonly settings: Pick<LoadedSettings['settings'], 'secretExpiries'> & {
    readonly keys: Pick<LoadedSettings['settings']['keys'], 'maxAgeMs'>
  }
  readonly keySources: LoadedSettings['keySources']
}): readonly Expiry[] {
  const { maxAgeMs } = keys
  if (maxAgeMs === undefined) return secretExpiries
  const stated = new Set(secretExpiries.map(({ name }) => name))
  const aged = keySources.flatMap(({ kind, id, source }): Expiry[] => {
    const name = `keys.${kind}.${id}`
    const changedMs = source.startsWith(filePrefix) ? changedAtMs(source.slice(filePrefix.length)) : undefined
    return changedMs === undefined || stated.has(name) ? [] : [{ kind: 'key', name, expiresAtMs: changedMs + maxAgeMs }]
  })
  return [...secretExpiries, ...aged]
}

/** Time of the last change of a key file, ms since the Unix epoch; `undefined` for a file that cannot be read. */
function changedAtMs(file: string): number | undefined {
  try {
    return statSync(file).mtimeMs
  } catch {
    return undefined
  }
}
