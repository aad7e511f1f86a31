import module from 'node:module'
import { join } from 'node:path'
import { ownCache } from './own-cache.mjs'

const folder = join(ownCache, 'code')

/**
 * Enables Node's compile cache for this process and its child processes: sources without types, compiled. From the
 * second start on, start-up takes half the time. An entry is used only for the same source, Node version and user. If
 * the folder is not writable, nothing is cached. `NODE_COMPILE_CACHE` names another folder, and
 * `NODE_DISABLE_COMPILE_CACHE=1` turns the cache off.
 */
export function keepCompiled() {
  process.env.NODE_COMPILE_CACHE ??= folder
  // Node 20 lacks this function; it only starts Node 24.
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE)
}
