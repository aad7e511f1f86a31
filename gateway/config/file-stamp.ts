import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Returns the metadata (stamp) of a file, or of all files of a folder, as text. The text changes when the content of a
 * file changes. Links are followed, so the text also changes when Kubernetes replaces the folder behind `..data`. For a
 * file that cannot be read, returns the message of the error.
 */
export function stampOf(path: string): string {
  try {
    const stat = statSync(path)
    if (!stat.isDirectory()) return fileStamp(path)
    return readdirSync(path)
      .sort()
      .map((name) => `${name} ${fileStamp(join(path, name))}`)
      .join('\n')
  } catch (error) {
    return error instanceof Error ? error.message : 'unreadable'
  }
}

function fileStamp(path: string): string {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true })
  return `${size} ${mtimeNs} ${ctimeNs} ${ino}`
}
