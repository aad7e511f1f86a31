import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const oldestMajor = 24

/**
 * Finds the Node that runs Gatehouse: the package in node_modules, else the Node of this process if it is new enough.
 *
 * @param {string} root folder of the checkout
 * @returns {string} its path
 * @throws {Error} when neither is Node 24 or later
 */
export function nodeRuntime(root) {
  const packaged = join(root, 'node_modules', '.bin', 'node')
  const version = versionOf(packaged)
  if (version !== undefined && isNewEnough(version)) return packaged
  if (isNewEnough(process.version)) return process.execPath
  throw new Error(
    `Gatehouse runs on Node ≥ ${oldestMajor}. This is Node ${process.version}, and ` +
      `${version === undefined ? 'npm has no package of it for' : `the one in node_modules is ${version} on`} ` +
      `${process.platform}-${process.arch}: install Node ${oldestMajor} and run this again`,
  )
}

function isNewEnough(version) {
  return Number(version.slice(1).split('.')[0]) >= oldestMajor
}

function versionOf(command) {
  try {
    return execFileSync(command, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}
