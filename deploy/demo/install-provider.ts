import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { installPinned, pinnedInstalled } from '../pinned-packages.ts'
import { provider } from './provider-place.ts'

/**
 * Installs oidc-provider and its dependencies if neither the checkout nor the image contains them. The versions and
 * hashes come from `provider/package-lock.json`.
 *
 * @param say  called with one line before the installation begins
 * @throws {Error} with the end of npm's output, for example when a package has another hash
 */
export async function installProvider(say: (line: string) => void): Promise<void> {
  if (isInstalled()) return
  const { source, installed, version } = provider
  await installPinned(source, installed, (packages) =>
    say(
      `Installing the demo's authorization server, oidc-provider ${version} (${packages} packages, each checked against ` +
        `its pinned hash), into ${installed} …`,
    ),
  )
}

function isInstalled(): boolean {
  const { source, installed, folders } = provider
  return folders.some((folder) =>
    folder === installed ? pinnedInstalled(source, folder) : existsSync(join(folder, 'node_modules/oidc-provider')),
  )
}
