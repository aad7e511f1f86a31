import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { hasApt, unpackDebian } from './debian.mjs'

/** Where the set-up unpacks an nginx of its own, when the machine has none. */
export const privateNginx = join(import.meta.dirname, '..', '.gatehouse', 'cache', 'nginx')

/**
 * Finds an nginx, which benches measure against and tests compare with: on PATH or in the usual folder for servers, else the one that was unpacked.
 *
 * @returns {{ command: string, env: Record<string, string> }} `env` is what its libraries need
 * @throws {Error} when there is none; the message says what to type
 */
export function findNginx() {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  for (const folder of folders) {
    const found = usable(join(folder, 'nginx'), {})
    if (found !== undefined) return found
  }
  const unpacked = unpackedNginx()
  if (unpacked !== undefined) return unpacked
  throw new Error('no nginx found: run "npm run setup", or install the package nginx')
}

/** The nginx below `root`, the unpacked tree of distribution packages. */
export function unpackedNginx(root = join(privateNginx, 'root')) {
  const libraries = join(root, 'usr', 'lib')
  const triplets = existsSync(libraries) ? readdirSync(libraries).filter((name) => name.endsWith('-linux-gnu')) : []
  const paths = [...triplets.map((name) => join(libraries, name)), process.env.LD_LIBRARY_PATH]
  return usable(join(root, 'usr', 'sbin', 'nginx'), { LD_LIBRARY_PATH: paths.filter(Boolean).join(delimiter) })
}

function usable(command, env) {
  try {
    accessSync(command, constants.X_OK)
    execFileSync(command, ['-v'], { env: { ...process.env, ...env }, stdio: 'ignore' })
    return { command, env }
  } catch {
    return undefined
  }
}

/** Whether {@link findNginx} would find one. */
export function hasNginx() {
  try {
    findNginx()
    return true
  } catch {
    return false
  }
}

/**
 * Unpacks an nginx of the distribution into the cache folder.
 *
 * @throws {Error} where there is no apt; the message says what to type
 */
export async function installNginx() {
  if (hasApt() && (await unpackDebian(privateNginx, ['nginx-light', 'nginx'], unpackedNginx))) return
  throw new Error('no nginx on PATH: install the package nginx')
}
