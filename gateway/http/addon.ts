import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { knownAddons } from './known-addons.ts'

/**
 * Makes sure that the addon which is about to be loaded is one that was looked at.
 *
 * @param accepted  SHA-256 in hex that an operator vouches for, who has put another build in place; else `undefined`
 * @throws {Error} when it is another; nothing was loaded
 */
export function checkAddon(accepted: string | undefined): void {
  const folder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'))
  const file = join(folder, `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`)
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  if (knownAddons.has(sha256) || sha256 === accepted) return
  throw new Error(
    `the listener's addon is not one that this version knows (SHA-256 ${sha256}); ` +
      'if you have put it there, say so with `addon_sha256` in the settings',
  )
}
