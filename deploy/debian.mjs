import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether this machine has the tools to download and unpack Debian packages. */
export function hasApt() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return ['apt-get', 'dpkg-deb'].every((name) => folders.some((folder) => existsSync(join(folder, name))))
}

/**
 * Unpacks the first usable one of several Debian packages, with the dependencies that this machine lacks, into
 * `folder/root`. Needs no root privileges, installs nothing and starts no service. Uses its own package lists.
 *
 * @param {string} folder  created completely or not at all
 * @param {string[]} names  names of the packages, tried in order
 * @param {(root: string) => unknown} usable  checks an unpacked tree; `undefined`: not usable
 * @returns {Promise<boolean>} false when no package is usable
 * @throws {Error} when apt fails; the message has the error of apt
 */
export async function unpackDebian(folder, names, usable) {
  // The tree is built in another folder and then renamed, so that no process sees an incomplete tree.
  const draft = `${folder}.draft`
  rmSync(draft, { recursive: true, force: true })
  try {
    return await unpackFirst(draft, folder, names, usable)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

async function unpackFirst(draft, folder, names, usable) {
  mkdirSync(join(draft, 'lists', 'partial'), { recursive: true })
  mkdirSync(join(draft, 'cache', 'archives', 'partial'), { recursive: true })
  const apt = aptIn(draft)
  await apt('update')
  // apt only warns when it cannot fetch a package list, so the result is checked here.
  if (!readdirSync(join(draft, 'lists')).some((name) => name.includes('_Packages'))) {
    throw new Error(
      'apt-get update fetched no package list: check the network and the sources of apt, then run this command again',
    )
  }
  for (const name of names) {
    if (!(await unpack(apt, draft, name, usable))) continue
    rmSync(join(draft, 'lists'), { recursive: true, force: true })
    rmSync(join(draft, 'cache'), { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
    renameSync(draft, folder)
    return true
  }
  return false
}

async function unpack(apt, draft, name, usable) {
  const root = join(draft, 'root')
  rmSync(root, { recursive: true, force: true })
  const missing = await packagesToUnpack(apt, name)
  if (missing.length === 0) return false
  await apt('download', ...missing)
  for (const file of readdirSync(draft)) {
    if (!file.endsWith('.deb')) continue
    await run('dpkg-deb', ['-x', file, root], { cwd: draft })
    rmSync(join(draft, file))
  }
  return usable(root) !== undefined
}

/**
 * Returns the names of the package and of the dependencies that this machine lacks. Empty when the distribution has no
 * such package.
 */
async function packagesToUnpack(apt, name) {
  try {
    const plan = await apt('--simulate', '--no-install-recommends', 'install', name)
    const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1])
    // If the package is installed, its program is not on PATH or not usable, so the package is unpacked nevertheless.
    return missing.includes(name) ? missing : [name, ...missing]
  } catch {
    return []
  }
}

function aptIn(draft) {
  const options = [
    '-qq',
    `-oDir::State::Lists=${join(draft, 'lists')}`,
    `-oDir::Cache=${join(draft, 'cache')}`,
    '-oDebug::NoLocking=1',
    // As root, apt would download as the user _apt, who has no write access here.
    '-oAPT::Sandbox::User=',
    '-oAcquire::Retries=2',
  ]
  return async (...words) => {
    try {
      const { stdout } = await run('apt-get', [...options, ...words], {
        cwd: draft,
        env: { ...process.env, LC_ALL: 'C' },
      })
      return stdout
    } catch (error) {
      const [first = String(error)] = String(error.stderr)
        .split('\n')
        .filter((line) => line.startsWith('E:'))
      throw new Error(`apt-get ${words[0]} failed: ${first}`)
    }
  }
}
