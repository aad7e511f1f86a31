import { execFile, execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { hasApt, unpackDebian } from './debian.mjs'

/** Where the set-up unpacks a Chromium of its own, when the machine has none. */
export const privateChromium = join(import.meta.dirname, '..', '.gatehouse', 'cache', 'chromium')

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/**
 * Finds a Chromium, in which the browser tests log in: on PATH, or the one that was unpacked.
 *
 * @returns {{ command: string, env: Record<string, string> }} `env` is what its libraries need
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
  const libraries = join(root, 'usr', 'lib')
  const triplets = existsSync(libraries) ? readdirSync(libraries).filter((name) => name.endsWith('-linux-gnu')) : []
  const paths = [...triplets.map((name) => join(libraries, name)), process.env.LD_LIBRARY_PATH]
  return usable(join(libraries, 'chromium', 'chromium'), { LD_LIBRARY_PATH: paths.filter(Boolean).join(delimiter) })
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
 * Unpacks a Chromium of the distribution into the cache folder; as root, where that does not run, installs it.
 *
 * @throws {Error} where neither is possible; the message says what to type
 */
export async function installChromium() {
  if (hasApt()) {
    if (await unpackDebian(privateChromium, ['chromium'], unpackedChromium)) return
    if (process.getuid?.() === 0) {
      const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
      await promisify(execFile)('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'chromium'], options)
      if (hasChromium()) return
    }
  }
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
