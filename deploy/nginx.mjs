import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where `npm run bench` unpacks an nginx of its own, when the machine has none. */
export const privateNginx = join(import.meta.dirname, '..', '.gatehouse', 'cache', 'nginx')

/**
 * Finds an nginx to measure against: on PATH or in the usual folder for servers, else the one that was unpacked.
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
  throw new Error('no nginx found: run "npm run bench", which brings one on Debian, or install the package nginx-light')
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
