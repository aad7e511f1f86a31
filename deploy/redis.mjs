import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { libraryPath } from './library-path.mjs'
import { localCache } from './own-folder.mjs'

/** Folder into which set-up or the demo unpacks a Redis if the machine has no Redis. */
export const privateRedis = join(localCache, 'redis')

/** Oldest supported release of Redis and of Valkey. */
const oldest = { redis: [7, 2], valkey: [8, 0] }

/**
 * Finds a Redis or Valkey server: on PATH, else the one that `npm run setup` unpacked.
 *
 * @returns {{ command: string, env: Record<string, string>, version: string }} `env` has the path of its libraries
 * @throws {Error} when no server is new enough; the message names the command to install one
 */
export function findRedis() {
  const found = redisOnPath() ?? unpackedRedis()
  if (found !== undefined) return found
  throw new Error(
    `no Redis found (Redis ≥ 7.2 or Valkey ≥ 8): run "npm run setup", install the package ${packageName()}, ` +
      'or set GATEHOUSE_REDIS_URL',
  )
}

/** Finds a Redis or Valkey server on PATH that is new enough. @returns as {@link findRedis} */
export function redisOnPath() {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const found = usableRedis(join(folder, name), {})
      if (found !== undefined) return found
    }
  }
  return undefined
}

/** Finds the Redis below `root`, an unpacked tree of Debian packages. @returns as {@link findRedis} */
export function unpackedRedis(root = join(privateRedis, 'root')) {
  const env = { LD_LIBRARY_PATH: libraryPath(root) }
  for (const name of ['redis-server', 'valkey-server']) {
    const found = usableRedis(join(root, 'usr', 'bin', name), env)
    if (found !== undefined) return found
  }
  return undefined
}

/** Name of the operating system's package with Redis or Valkey, for error messages. */
export function packageName() {
  if (process.platform === 'darwin') return 'redis (brew install redis)'
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  if (/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release)) return 'redis-server or valkey-server (apt-get install …)'
  if (/^ID(_LIKE)?=.*(fedora|rhel)/m.test(release)) return 'valkey (dnf install valkey)'
  if (/^ID(_LIKE)?=.*alpine/m.test(release)) return 'redis (apk add redis)'
  return 'redis or valkey'
}

/**
 * Whether a server is new enough, by its output of `--version`: `Redis server v=8.0.2 sha=…` or `Valkey server v=8.1.1
 * …`.
 */
export function isNewEnough(banner) {
  const match = /^(redis|valkey) server v=(\d+)\.(\d+)/i.exec(banner.trim())
  if (match === null) return false
  const [major, minor] = oldest[match[1].toLowerCase()]
  return Number(match[2]) > major || (Number(match[2]) === major && Number(match[3]) >= minor)
}

/** Servers that `usableRedis` has accepted, by path. A test process starts several; each is asked for its version once. */
const usable = new Map()

function usableRedis(command, env) {
  const known = usable.get(command)
  if (known !== undefined) return known
  try {
    accessSync(command, constants.X_OK)
    const options = { env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }
    const banner = execFileSync(command, ['--version'], options)
    if (!isNewEnough(banner)) return undefined
    const found = { command, env, version: banner.split(' sha=')[0].trim() }
    usable.set(command, found)
    return found
  } catch {
    return undefined
  }
}
