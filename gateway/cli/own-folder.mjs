import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, sep } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** Whether this is the npm package, installed by npm or unpacked: a checkout has no npm-shrinkwrap.json. */
const isPackage = root.split(sep).includes('node_modules') || existsSync(join(root, 'npm-shrinkwrap.json'))

const caches = isPackage
  ? [process.env.XDG_CACHE_HOME, homeCache()].find((path) => path && isAbsolute(path))
  : undefined

/**
 * Folder for files that Gatehouse makes for itself: caches, programs of the demo, state of the demo. In a checkout
 * `.gatehouse`. An npm package does not write into its own folder: it uses `$XDG_CACHE_HOME/gatehouse`, by default
 * `~/.cache/gatehouse`. The folder may be missing, and not writable. For a user without a home, such as a user id
 * that only a container knows, it is `.gatehouse` too: in the temporary folder, other users could prepare a cache of
 * code.
 */
export const ownFolder = caches === undefined ? join(root, '.gatehouse') : join(caches, 'gatehouse')

/** Folder of Gatehouse for files that can be made again (cache). */
export const ownCache = join(ownFolder, 'cache')

function homeCache() {
  try {
    return join(homedir(), '.cache')
  } catch {
    return undefined
  }
}
