import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { localFolder } from '../own-folder.mjs'

const checkout = join(import.meta.dirname, '..', '..')
/**
 * Folder with package.json and package-lock.json of the demo's authorization server. The stage `demo` of the Dockerfile
 * installs the packages into this folder.
 */
const source = join(import.meta.dirname, 'provider')
const { dependencies } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as {
  readonly dependencies: { readonly 'oidc-provider': string }
}
const version = dependencies['oidc-provider']
/** Folder into which `gatehouse demo` installs oidc-provider when neither the checkout nor the image contains it. */
const installed = join(localFolder, 'demo-packages', version)

/**
 * Folders in which oidc-provider can be installed, in the order of the search. A checkout contains oidc-provider as a
 * development dependency.
 */
export const provider = {
  version,
  source,
  installed,
  folders: [...(versionIn(checkout) === version ? [checkout] : []), source, installed],
} as const

/** Returns the version of oidc-provider in the node_modules of a folder; `undefined`: not installed. */
function versionIn(folder: string): string | undefined {
  try {
    const text = readFileSync(join(folder, 'node_modules/oidc-provider/package.json'), 'utf8')
    return (JSON.parse(text) as { version?: string }).version
  } catch {
    return undefined
  }
}
