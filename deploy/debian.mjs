import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether packages of the distribution can be unpacked here at all. */
export function hasApt() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return ['apt-get', 'dpkg-deb'].every((name) => folders.some((folder) => existsSync(join(folder, name))))
}

/**
 * Unpacks a package of the distribution, with what it depends on and this machine lacks, into `folder/root`. Needs no
 * root, installs nothing and starts no service: downloaded with lists of its own, and unpacked beside them.
 *
 * @param {string} folder  made whole or not at all
 * @param {string[]} names  tried in order
 * @param {(root: string) => unknown} usable  judges an unpacked tree; `undefined`: not this one
 * @returns {Promise<boolean>} false when none of them is usable
 * @throws {Error} when apt fails; the message says how
 */
export async function unpackDebian(folder, names, usable) {
  // Built beside its place and then renamed: nobody ever sees a half unpacked tree.
  const draft = `${folder}.draft`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(join(draft, 'lists', 'partial'), { recursive: true })
  mkdirSync(join(draft, 'cache', 'archives', 'partial'), { recursive: true })
  const apt = aptIn(draft)
  await apt('update')
  for (const name of names) {
    if (!(await unpack(apt, draft, name, usable))) continue
    rmSync(join(draft, 'lists'), { recursive: true, force: true })
    rmSync(join(draft, 'cache'), { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
    renameSync(draft, folder)
    return true
  }
  rmSync(draft, { recursive: true, force: true })
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

/** The package and those of its dependencies that this machine lacks. Empty when the distribution has no such package. */
async function packagesToUnpack(apt, name) {
  try {
    const plan = await apt('--simulate', '--no-install-recommends', 'install', name)
    const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1])
    // Already installed, but not on PATH or not usable as it is: unpack the package all the same.
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
    // As root apt would hand downloads to the user _apt, who may not write here.
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
