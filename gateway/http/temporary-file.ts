import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Calls a function with the path of a temporary file that contains the text, and removes the file afterwards. The folder
 * is readable only by the user of the node.
 */
export function withTemporaryFile<T>(text: string, use: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-'))
  try {
    const path = join(folder, 'file')
    writeFileSync(path, text, { mode: 0o600 })
    return use(path)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
