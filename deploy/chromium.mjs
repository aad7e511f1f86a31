import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { hasApt, unpackDebian } from './debian.mjs'
import { libraryPath } from './library-path.mjs'

/** Where the set-up unpacks a Chromium of its own, when the machine has none. */
export const privateChromium = join(import.meta.dirname, '..', '.gatehouse', 'cache', 'chromium')

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/**
 * Finds a Chromium, in which the browser tests log in: on PATH, or the one that was unpacked.
 *
 * @returns {{ command: string, env: Record<string, string> }} `env` is what its libraries and fonts need
 * @throws {Error} when there is none; the message says what to type
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

/** The Chromium below `root`, the unpacked tree of distribution packages: the program itself, not the script around it. */
export function unpackedChromium(root = join(privateChromium, 'root')) {
  const env = { LD_LIBRARY_PATH: libraryPath(root) }
  // Fonts come along where the machine has none, with a configuration that names them by their path when installed.
  if (existsSync(join(root, 'usr', 'share', 'fonts'))) env.FONTCONFIG_SYSROOT = root
  return usable(join(root, 'usr', 'lib', 'chromium', 'chromium'), env)
}

/** Whether {@link findChromium} would find one. */
export function hasChromium() {
  try {
    findChromium()
    return true
  } catch {
    return false
  }
}

/**
 * Unpacks a Chromium of the distribution into the cache folder.
 *
 * @throws {Error} where there is no apt, or none in the distribution that runs so; the message says what to type
 */
export async function installChromium() {
  if (hasApt() && (await unpackDebian(privateChromium, ['chromium'], unpackedChromium))) return
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
