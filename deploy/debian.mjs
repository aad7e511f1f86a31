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
 * Package lists of the machine's apt sources, in a private folder, which needs no root privileges. Several packages
 * can share them, because to fetch the lists takes longer than to unpack a package.
 */
export class PackageLists {
  #folder
  #fetched

  /** @param {string} folder  deleted by {@link remove} */
  constructor(folder) {
    this.#folder = folder
  }

  /** Fetches the lists at the first call; later calls wait for it. @throws {Error} when apt fetches no list */
  fetch() {
    this.#fetched ??= this.#fetch()
    return this.#fetched
  }

  /**
   * Runs apt-get with these lists.
   *
   * @param {string} cwd  folder for downloaded packages
   * @param {...string} words
   * @returns {Promise<string>} the output
   * @throws {Error} with the first error of apt
   */
  async apt(cwd, ...words) {
    const env = { ...process.env, LC_ALL: 'C' }
    try {
      const { stdout } = await run('apt-get', [...this.#options(), ...words], { cwd, env })
      return stdout
    } catch (error) {
      const [first = String(error)] = String(error.stderr)
        .split('\n')
        .filter((line) => line.startsWith('E:'))
      throw new Error(`apt-get ${words[0]} failed: ${first}`)
    }
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #fetch() {
    this.remove()
    mkdirSync(join(this.#folder, 'lists', 'partial'), { recursive: true })
    mkdirSync(join(this.#folder, 'cache', 'archives', 'partial'), { recursive: true })
    await this.apt(this.#folder, 'update')
    // Check that package lists exist: apt only warns when it cannot fetch a list.
    if (readdirSync(join(this.#folder, 'lists')).some((name) => name.includes('_Packages'))) return
    throw new Error(
      'apt-get update fetched no package list: check the network and the sources of apt, then run this command again',
    )
  }

  #options() {
    return [
      '-qq',
      `-oDir::State::Lists=${join(this.#folder, 'lists')}`,
      `-oDir::Cache=${join(this.#folder, 'cache')}`,
      // Container images turn these files off. Without them, each command parses all lists, which takes a second.
      '-oDir::Cache::pkgcache=pkgcache.bin',
      '-oDir::Cache::srcpkgcache=srcpkgcache.bin',
      '-oDebug::NoLocking=1',
      // As root, apt would download as the user _apt, who has no write access here.
      '-oAPT::Sandbox::User=',
      '-oAcquire::Retries=2',
    ]
  }
}

/**
 * Unpacks the first usable one of several Debian packages, with the dependencies that this machine lacks, into
 * `folder/root`. Needs no root privileges, installs nothing and starts no service.
 *
 * @param {string} folder  created completely or not at all
 * @param {string[]} names  names of the packages, tried in order
 * @param {(root: string) => unknown} usable  checks an unpacked tree; `undefined`: not usable
 * @param {PackageLists} [shared]  lists that other calls use too; the caller removes them
 * @returns {Promise<boolean>} false when no package is usable
 * @throws {Error} when apt fails; the message has the error of apt
 */
export async function unpackDebian(folder, names, usable, shared) {
  // The tree is built in another folder and then renamed, so that no process sees an incomplete tree.
  const draft = `${folder}.draft`
  const lists = shared ?? new PackageLists(`${folder}.lists`)
  rmSync(draft, { recursive: true, force: true })
  try {
    await lists.fetch()
    mkdirSync(draft, { recursive: true })
    return await unpackFirst(lists, draft, folder, names, usable)
  } finally {
    rmSync(draft, { recursive: true, force: true })
    if (shared === undefined) lists.remove()
  }
}

async function unpackFirst(lists, draft, folder, names, usable) {
  for (const name of names) {
    if (!(await unpack(lists, draft, name, usable))) continue
    rmSync(folder, { recursive: true, force: true })
    renameSync(draft, folder)
    return true
  }
  return false
}

async function unpack(lists, draft, name, usable) {
  const root = join(draft, 'root')
  rmSync(root, { recursive: true, force: true })
  const missing = await packagesToUnpack(lists, draft, name)
  if (missing.length === 0) return false
  await lists.apt(draft, 'download', ...missing)
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
async function packagesToUnpack(lists, draft, name) {
  try {
    const plan = await lists.apt(draft, '--simulate', '--no-install-recommends', 'install', name)
    const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1])
    // Unpack the package even if it is installed: then its program is not on PATH or not usable.
    return missing.includes(name) ? missing : [name, ...missing]
  } catch {
    return []
  }
}
