import { readFileSync, statSync } from 'node:fs'
import { formatSize } from '../base/size.ts'
import { ConfigError, nowhere, type ProblemCode, problem } from './problem.ts'
import { unreadableRemedies } from './unreadable-text.ts'
import { maxDocumentBytes, tooLargeHint } from './yaml-document.ts'

/**
 * Reads a complete settings or policy file.
 *
 * @throws {ConfigError} when the file is missing, unreadable or too large
 */
export function readBytes(file: string): Buffer {
  try {
    // Check the size of the settings or policy file first, so that a huge file is never read. `readYaml` limits inputs
    // without a size, such as a pipe.
    if (statSync(file).size > maxDocumentBytes) {
      throw refused(
        'GH_CONFIG_TOO_LARGE',
        `document is larger than ${formatSize(maxDocumentBytes)}`,
        file,
        tooLargeHint,
      )
    }
    return readFileSync(file)
  } catch (error) {
    throw error instanceof ConfigError ? error : unreadable(file, error)
  }
}

export function unreadable(file: string, error: unknown): ConfigError {
  const { code = 'unknown' } = error as NodeJS.ErrnoException
  return refused('GH_CONFIG_UNREADABLE', `cannot be read (${code})`, file, unreadableRemedies[code])
}

function refused(code: ProblemCode, message: string, file: string, hint?: string): ConfigError {
  return new ConfigError([problem(code, message, [], { ...nowhere, file }, hint)])
}
