import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { takeLock } from '../file-lock.mjs'
import { installPackages, packagesInstalled } from '../packages.mjs'
import { provider } from './provider-place.ts'

/**
 * Installs oidc-provider and its dependencies where neither checkout nor image has them: once, in the versions and with the
 * hashes of `provider/package-lock.json`, and without running any script of theirs.
 *
 * @param say  is told before the installation begins
 * @throws {Error} with the end of what npm said, such as that a package does not have its hash
 */
export async function installProvider(say: (line: string) => void): Promise<void> {
  if (isThere()) return
  const folder = provider.installed
  mkdirSync(folder, { recursive: true })
  const lock = await waitForLock(`${folder}.lock`)
  try {
    // Another demo may have installed it meanwhile.
    if (isThere()) return
    for (const name of ['package.json', 'package-lock.json'])
      copyFileSync(join(provider.source, name), join(folder, name))
    say(
      `Installing the demo's authorization server, oidc-provider ${provider.version} (${packageCount(folder)} packages, each ` +
        `checked against its pinned hash), into ${folder} …`,
    )
    await installPackages(folder, ['--ignore-scripts'])
  } finally {
    lock.release()
  }
}

/** An installation that was broken off, or of another lock, does not count. */
function isThere(): boolean {
  const { installed, folders } = provider
  return folders.some((folder) =>
    folder === installed
      ? isSameLock(folder) && packagesInstalled(folder)
      : existsSync(join(folder, 'node_modules/oidc-provider')),
  )
}

function isSameLock(folder: string): boolean {
  const path = join(folder, 'package-lock.json')
  return existsSync(path) && readFileSync(path).equals(readFileSync(join(provider.source, 'package-lock.json')))
}

function packageCount(folder: string): number {
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as { packages: object }
  return Object.keys(packages).length - 1
}

async function waitForLock(path: string): Promise<{ release(): void }> {
  for (;;) {
    const lock = takeLock(path)
    if ('release' in lock) return lock
    await sleep(300)
  }
}
