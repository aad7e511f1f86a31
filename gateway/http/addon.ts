import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { knownAddons, knownScripts } from './known-addons.ts'

/**
 * SHA-256 (hex) of each uWebSockets.js file of a build that the operator accepts in addition to the known builds. A
 * member that is `undefined` accepts no additional file.
 */
export interface AcceptedBuild {
  readonly addon: string | undefined
  readonly script: string | undefined
}

/**
 * Checks that the uWebSockets.js addon and script are known builds before they are loaded. The script would run with
 * all privileges of the node.
 *
 * @throws {Error} when a file is unknown; neither file has been loaded then
 */
export function checkAddon(accepted: AcceptedBuild): void {
  const script = createRequire(import.meta.url).resolve('uWebSockets.js')
  const addon = join(dirname(script), `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`)
  if (!existsSync(addon)) {
    throw new Error(
      `uWebSockets.js has no build for ${process.platform} ${process.arch} with Node ${process.versions.node}; ` +
        'install the packages on this machine, with Node 20, 22, 24 or 25',
    )
  }
  check(script, knownScripts, accepted.script, "the listener's script", 'addon_script_sha256')
  check(addon, knownAddons, accepted.addon, "the listener's addon", 'addon_sha256')
}

function check(
  file: string,
  known: ReadonlySet<string>,
  accepted: string | undefined,
  what: string,
  setting: string,
): void {
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  if (known.has(sha256) || sha256 === accepted) return
  throw new Error(
    `${what} is not a known build of this version (SHA-256 ${sha256} of ${file}); ` +
      `reinstall the packages, or, if you installed this build yourself, set \`${setting}\` to this value`,
  )
}
