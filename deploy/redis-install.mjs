import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packageName, privateRedis, unpackedRedis } from './redis.mjs'

const run = promisify(execFile)

/**
 * Unpacks a Redis of the distribution into the cache folder. Needs no root, installs nothing and starts no service: the
 * packages are downloaded with lists of our own and unpacked beside the checkout's other caches.
 *
 * @throws {Error} where there is no apt, or its newest Redis is too old; the message says what to type
 */
export async function installRedis() {
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-deb')) {
    throw new Error(`no Redis ≥ 7.2 or Valkey ≥ 8 on PATH: install the package ${packageName()}`)
  }
  // Built beside its place and then renamed: nobody ever sees a half unpacked tree.
  const draft = `${privateRedis}.draft`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(join(draft, 'lists', 'partial'), { recursive: true })
  mkdirSync(join(draft, 'cache', 'archives', 'partial'), { recursive: true })
  const apt = aptIn(draft)
  await apt('update')
  for (const name of ['redis-server', 'valkey-server']) {
    if ((await unpack(apt, draft, name)) === undefined) continue
    rmSync(join(draft, 'lists'), { recursive: true, force: true })
    rmSync(join(draft, 'cache'), { recursive: true, force: true })
    rmSync(privateRedis, { recursive: true, force: true })
    renameSync(draft, privateRedis)
    return
  }
  rmSync(draft, { recursive: true, force: true })
  throw new Error(
    "this distribution's Redis and Valkey are too old or do not run here (Redis ≥ 7.2 or Valkey ≥ 8 is needed): " +
      'put a newer redis-server on PATH, or set GATEHOUSE_REDIS_URL',
  )
}

async function unpack(apt, draft, name) {
  const root = join(draft, 'root')
  rmSync(root, { recursive: true, force: true })
  const missing = await packagesToUnpack(apt, name)
  if (missing.length === 0) return undefined
  await apt('download', ...missing)
  for (const file of readdirSync(draft)) {
    if (!file.endsWith('.deb')) continue
    await run('dpkg-deb', ['-x', file, root], { cwd: draft })
    rmSync(join(draft, file))
  }
  return unpackedRedis(root)
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
