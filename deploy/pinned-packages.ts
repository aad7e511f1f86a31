import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { takeLock } from './file-lock.mjs'
import { installPackages, packagesInstalled } from './packages.mjs'

/**
 * Installs packages that only one tool needs, separate from the packages of the project. Uses the versions and hashes
 * of a lock file, and runs no install scripts. Does nothing if the packages are already installed.
 *
 * @param source  folder with package.json and package-lock.json
 * @param folder  folder in which node_modules is created
 * @param announce  called with the number of packages before the installation begins
 * @throws {Error} with the end of npm's output, for example when a package has another hash
 */
export async function installPinned(
  source: string,
  folder: string,
  announce: (packages: number) => void,
): Promise<void> {
  if (pinnedInstalled(source, folder)) return
  mkdirSync(folder, { recursive: true })
  const lock = await waitForLock(`${folder}.lock`)
  try {
    // Another process may have installed the packages while this process waited for the lock.
    if (pinnedInstalled(source, folder)) return
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(source, name), join(folder, name))
    announce(packageCount(folder))
    await installPackages(folder, ['--ignore-scripts'])
  } finally {
    lock.release()
  }
}

/** Whether all packages of the lock file in `source` are installed. Returns false after an interrupted installation. */
export function pinnedInstalled(source: string, folder: string): boolean {
  const path = join(folder, 'package-lock.json')
  return (
    existsSync(path) &&
    readFileSync(path).equals(readFileSync(join(source, 'package-lock.json'))) &&
    packagesInstalled(folder)
  )
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
