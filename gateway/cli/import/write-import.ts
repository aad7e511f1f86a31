import { writeFileSync } from 'node:fs'
import { z } from 'zod'
import { compilePolicy } from '../../policy/compile.ts'
import { readPolicy } from '../../policy/policy-source.ts'
import { CliError, exitCodes, type Output } from '../output.ts'
import { flag } from '../verb.ts'
import { yamlLines } from '../yaml-lines.ts'
import { formatImportNote, type ImportedPolicy } from './import-note.ts'

/** Flag `--out` of every `import` verb. */
export const outFlag = z
  .string()
  .optional()
  .register(flag, { value: 'file', help: 'write the policy to this new file instead of printing it' })

/**
 * Files that an import writes. `out`: the policy; `undefined`: it is printed. `settings`: the settings; `undefined`:
 * they are left out.
 */
interface ImportFiles {
  readonly out: string | undefined
  readonly settings?: string | undefined
}

/**
 * Writes an imported policy to the file `out`, and the notes to stdout. Without `out`, the policy goes to stdout and the
 * notes go to stderr. The policy is compiled first, so that only a valid policy is written.
 *
 * @throws {ConfigError} when the policy is invalid
 * @throws {CliError} when a file exists or cannot be written
 */
export function writeImport(
  { policy, notes, ...more }: ImportedPolicy & { readonly settings?: object },
  files: ImportFiles,
  output: Output,
): void {
  const { out } = files
  const lines = yamlLines(policy)
  const bytes = bytesOf(lines)
  compilePolicy(readPolicy([{ file: out ?? 'imported policy', bytes }]))
  if (files.settings !== undefined && more.settings !== undefined) {
    writeNewFile(files.settings, bytesOf(yamlLines(more.settings)))
  }
  if (out === undefined) {
    for (const line of lines) output.line(line)
    for (const note of notes) output.remark(formatImportNote(note))
  } else {
    writeNewFile(out, bytes)
    for (const note of notes) output.line(formatImportNote(note))
  }
  output.document({ policy, ...more, notes })
}

function bytesOf(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\n')}\n`)
}

/** Writes an imported file that must not exist yet, so that an import never replaces an edited policy. */
function writeNewFile(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const message = code === 'EEXIST' ? `${path} exists already` : `${path} cannot be written (${code})`
    throw new CliError(
      exitCodes.invalid,
      'GH_IMPORT_OUT',
      message,
      'name a new file, or omit the flag to print the result',
    )
  }
}
