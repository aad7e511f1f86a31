import { homedir } from 'node:os'
import { join, sep } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/**
 * Folder for files that Gatehouse makes for itself: caches, programs of the demo, state of the demo. In a checkout
 * `.gatehouse`. An npm package does not write into its own folder: it uses `$XDG_CACHE_HOME/gatehouse`, by default
 * `~/.cache/gatehouse`. The folder may be missing, and not writable.
 */
export const ownFolder = root.split(sep).includes('node_modules')
  ? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gatehouse')
  : join(root, '.gatehouse')

/** Folder of Gatehouse for files that can be made again (cache). */
export const ownCache = join(ownFolder, 'cache')
