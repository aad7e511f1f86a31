import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as oidcProvider from 'oidc-provider'
import { provider as packages } from './provider-place.ts'

// oidc-provider is not a dependency of the gate. A checkout and the image contain it, else the first run of the demo
// installs it, in the version of `provider/package-lock.json`.

const entry = packages.folders.map((folder) => join(folder, 'node_modules/oidc-provider/lib/index.js')).find(existsSync)
if (entry === undefined) {
  throw new Error(
    `oidc-provider is not installed: \`gatehouse demo\` installs it (looked in ${packages.folders.join(', ')})`,
  )
}

export const { Provider, errors } = (await import(pathToFileURL(entry).href)) as typeof oidcProvider
export type Provider = oidcProvider.Provider
