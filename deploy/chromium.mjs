import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { hasApt, unpackDebian } from './debian.mjs'
import { libraryPath } from './library-path.mjs'

/** Folder into which `npm run setup` unpacks a Chromium if the machine has no Chromium. */
export const privateChromium = join(import.meta.dirname, '..', '.gatehouse', 'cache', 'chromium')

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/**
 * Finds a Chromium for the browser tests: on PATH or in /usr/bin, else the one that `npm run setup` unpacked.
 *
 * @returns {{ command: string, env: Record<string, string> }} `env` has the paths of its libraries and fonts
 * @throws {Error} without a Chromium; the message names the command to install one
 */
export function findChromium() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  for (const folder of [...folders, '/usr/bin']) {
    for (const name of names) {
      const found = usable(join(folder, name), {})
      if (found !== undefined) return found
    }
  }
  const unpacked = unpackedChromium()
  if (unpacked !== undefined) return unpacked
  throw new Error('no Chromium found: run "npm run setup", or install the package chromium')
}

/** Finds the Chromium below `root`, an unpacked tree of Debian packages: the program, not its wrapper script. */
export function unpackedChromium(root = join(privateChromium, 'root')) {
  const env = { LD_LIBRARY_PATH: libraryPath(root) }
  // The unpacked tree contains fonts if the machine has no fonts. The sysroot makes the absolute paths in the fonts'
  // configuration relative to the tree.
  if (existsSync(join(root, 'usr', 'share', 'fonts'))) env.FONTCONFIG_SYSROOT = root
  return usable(join(root, 'usr', 'lib', 'chromium', 'chromium'), env)
}

/** Whether {@link findChromium} would find a Chromium. */
export function hasChromium() {
  try {
    findChromium()
    return true
  } catch {
    return false
  }
}

/**
 * Unpacks the Chromium of the distribution into the cache folder.
 *
 * @param {import('./debian.mjs').PackageLists} lists
 * @throws {Error} without apt, or if the distribution has no Chromium that runs unpacked; the message names the package
 */
export async function installChromium(lists) {
  if (hasApt() && (await unpackDebian(privateChromium, ['chromium'], unpackedChromium, lists))) return
  throw new Error('no Chromium found for the browser tests: install the package chromium')
}

function usable(command, env) {
  try {
    accessSync(command, constants.X_OK)
    execFileSync(command, ['--version'], { env: { ...process.env, ...env }, stdio: 'ignore', timeout: 20_000 })
    return { command, env }
  } catch {
    return undefined
  }
}
