import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { stampOf } from './file-stamp.ts'
import { readSecret, type SecretReading } from './secret.ts'
import { unreadableText } from './unreadable-text.ts'

/** One key file of a key folder (`keys.NAME.directory`). The name of the file is the id of the key. */
export interface KeyFile extends SecretReading {
  readonly id: string
  readonly path: string
}

/** Maximum number of key files in a key folder. */
const KEYS_MAX = 64
/** Maximum number of attempts to read a key folder whose files change during each attempt. */
const TRIES = 5

/**
 * Reads the key files of a key folder, sorted by name. Skips names that start with a dot, such as `..data` of a folder
 * that Kubernetes mounts. Reads the folder again when it changes during the read, so that the result never mixes old
 * and new files.
 *
 * @returns the files, or a text that describes the error
 */
export function readKeyFolder(folder: string): readonly KeyFile[] | string {
  try {
    if (!statSync(folder).isDirectory())
      return `${folder} is not a folder; directory must name a folder with one file per key`
    for (let tries = 0; tries < TRIES; tries++) {
      const stamp = stampOf(folder)
      const names = readdirSync(folder).filter((name) => !name.startsWith('.'))
      if (names.length === 0) return `folder ${folder} contains no key: one file per key is required`
      if (names.length > KEYS_MAX)
        return `folder ${folder} contains more than ${KEYS_MAX} files: remove the files of keys that are no longer in use`
      const files = names.sort().map((id) => {
        const path = join(folder, id)
        return { id, path, ...readSecret({ file: path }, {}, '') }
      })
      if (stampOf(folder) === stamp) return files
    }
    return `folder ${folder} changed during each of ${TRIES} reads: replace its files in one step, and try again`
  } catch (error) {
    return `folder ${unreadableText(folder, error)}`
  }
}
