import { randomBytes } from 'node:crypto'
import { commandRedis } from '../redis-command.ts'
import type { Ports } from './ports.ts'

/** Redis of one demo run, in the form of the node settings. */
export interface DemoRedis {
  /** URL of Redis without its credentials. */
  readonly url: string
  readonly username: string | undefined
  readonly password: string | undefined
  /** Prefix of all Redis keys of the demo. */
  readonly prefix: string
}

/**
 * Returns the Redis of a demo run: the demo's own Redis, or the server of GATEHOUSE_REDIS_URL. On that server, keys get
 * a random prefix, because other programs can use the server too.
 *
 * @param given  value of GATEHOUSE_REDIS_URL: `redis://[user:password@]host[:port][/database]`, `rediss://…`, or
 * `unix:///path/of.sock`
 * @throws {Error} when `given` is not a URL; the message does not contain the value, because it can have a password
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

/**
 * Writes the epoch of a new cluster to Redis. The demo's keys are new: its own Redis is empty, and another server has no
 * keys with the random prefix. Without the epoch, the nodes would wait 3.5 s for members that restore lost data.
 *
 * @param url  URL of Redis with its credentials
 */
export async function writeFirstEpoch(url: string, { prefix }: DemoRedis): Promise<void> {
  await commandRedis(url, ['SET', `${prefix}{rev}:epoch`, randomBytes(8).toString('hex'), 'NX'])
}
