import module from 'node:module'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../.gatehouse/cache/code', import.meta.url))

/**
 * Lets Node keep what it makes of the sources, which is their types stripped and the rest compiled, in this process and in those that
 * it starts: from the second time on they are at work in half the time. What was kept is used for the very same source, Node and
 * user only; where the folder cannot be written, nothing is kept. `NODE_COMPILE_CACHE` names another folder, and
 * `NODE_DISABLE_COMPILE_CACHE=1` turns it off.
 */
export function keepCompiled() {
  process.env.NODE_COMPILE_CACHE ??= folder
  // Node 20 has it not, and needs it for nothing but to start Node 24.
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE)
}
