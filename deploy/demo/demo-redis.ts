import { randomBytes } from 'node:crypto'
import type { Ports } from './ports.ts'

/** The Redis of one run, as the nodes' settings name it. */
export interface DemoRedis {
  /** Without credentials. */
  readonly url: string
  readonly username: string | undefined
  readonly password: string | undefined
  /** Of all keys. */
  readonly prefix: string
}

/**
 * Ours, or the one that GATEHOUSE_REDIS_URL names. Others may use that one too: the run gets a key prefix of its own.
 *
 * @param given  `redis://[user:password@]host[:port][/database]`, `rediss://…`, or `unix:///path/of.sock`
 * @throws {Error} when it is no URL; the message does not quote it, since it may hold a password
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
