import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { hasApt, unpackDebian } from './debian.mjs'

/** Where the set-up unpacks a Caddy of its own, when the machine has none. */
const privateCaddy = join(import.meta.dirname, '..', '.gatehouse', 'cache', 'caddy')

/**
 * Finds a Caddy, which tests put in front of the gate: on PATH, else the one that was unpacked.
 *
 * @returns {string | undefined} its path
 */
export function findCaddy() {
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'caddy'))
  return [...onPath, unpackedAt(join(privateCaddy, 'root'))].find(isUsable)
}

/**
 * Unpacks a Caddy of the distribution into the cache folder.
 *
 * @throws {Error} where there is no apt; the message says what to type
 */
export async function installCaddy() {
  if (hasApt() && (await unpackDebian(privateCaddy, ['caddy'], usableBelow))) return
  throw new Error('no Caddy on PATH: install the package caddy')
}

function unpackedAt(root) {
  return join(root, 'usr', 'bin', 'caddy')
}

function usableBelow(root) {
  return isUsable(unpackedAt(root)) || undefined
}

function isUsable(command) {
  try {
    accessSync(command, constants.X_OK)
    execFileSync(command, ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
