import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type DocumentPath, nowhere, type Problem, problem } from './problem.ts'
import type { Settings } from './settings.ts'

/**
 * Returns a problem for each folder that the node needs to write to and cannot: those of `audit.spill` and
 * `revocation.epoch_file`. The node creates missing folders, so the check needs the nearest folder that exists. Changes
 * nothing.
 */
export function checkWritablePaths({ audit, revocation }: Settings): Problem[] {
  const { spill } = audit
  const { epochFile } = revocation
  return [
    ...(spill === undefined ? [] : folderProblems(spill.path, spill.path, ['audit', 'spill', 'path'])),
    ...(epochFile === undefined ? [] : folderProblems(dirname(epochFile), epochFile, ['revocation', 'epoch_file'])),
  ]
}

/** @param stated  the path as the settings state it */
function folderProblems(folder: string, stated: string, path: DocumentPath): Problem[] {
  const nearest = existingAncestor(folder)
  const cause = whyNotWritable(nearest)
  if (cause === undefined) return []
  const message = `${stated} cannot be written: ${nearest} ${cause}`
  const hint = 'name a path that the user of the node may write to, and run this command as that user'
  return [problem('GH_CONFIG_VALUE', message, path, nowhere, hint)]
}

/** Returns the folder, or if it does not exist, the nearest existing folder or file above it. */
function existingAncestor(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : existingAncestor(dirname(folder))
}

function whyNotWritable(folder: string): string | undefined {
  try {
    if (!statSync(folder).isDirectory()) return 'is not a folder'
    accessSync(folder, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return `does not permit it (${(error as NodeJS.ErrnoException).code})`
  }
}
