import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const checkout = join(import.meta.dirname, '..', '..')
/** Manifest and lock of the demo's authorization server. The stage `demo` of the image installs here. */
const source = join(import.meta.dirname, 'provider')
const { dependencies } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as {
  readonly dependencies: { readonly 'oidc-provider': string }
}
const version = dependencies['oidc-provider']
/** `gatehouse demo` of an installed package installs here. */
const installed = join(checkout, '.gatehouse', 'demo-packages', version)

/** Folders that may contain the packages of the demo's authorization server. A checkout has it as a development dependency. */
export const provider = {
  version,
  source,
  installed,
  folders: [...(versionIn(checkout) === version ? [checkout] : []), source, installed],
} as const

/** Version of oidc-provider in a folder; `undefined`: not installed. */
function versionIn(folder: string): string | undefined {
  try {
    const text = readFileSync(join(folder, 'node_modules/oidc-provider/package.json'), 'utf8')
    return (JSON.parse(text) as { version?: string }).version
  } catch {
    return undefined
  }
}
