import { randomBytes } from 'node:crypto'
import type { Ports } from './ports.ts'

/** Redis of one run, as in the settings of the nodes. */
export interface DemoRedis {
  /** Without credentials. */
  readonly url: string
  readonly username: string | undefined
  readonly password: string | undefined
  /** Prefix of all keys. */
  readonly prefix: string
}

/**
 * The demo's own Redis, or that of GATEHOUSE_REDIS_URL with a random key prefix, because others may use it too.
 *
 * @param given  `redis://[user:password@]host[:port][/database]`, `rediss://…`, or `unix:///path/of.sock`
 * @throws {Error} when `given` is not a URL; the message does not contain it, because it may have a password
 */
export function redisPlace(ports: Ports, given: string | undefined): DemoRedis {
  if (!given) {
    return { url: `redis://127.0.0.1:${ports.redis}`, username: undefined, password: undefined, prefix: 'gh:' }
  }
  const url = URL.parse(given)
  if (url === null) throw new Error('GATEHOUSE_REDIS_URL is not a URL')
  const [username, password] = [url.username, url.password].map(decodeURIComponent)
  url.username = ''
  url.password = ''
  const prefix = `gh-demo-${randomBytes(6).toString('hex')}:`
  return { url: url.href.replace(/\/$/, ''), username: username || undefined, password: password || undefined, prefix }
}
