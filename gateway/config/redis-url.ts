import type { RedisHost } from '../base/redis-topology.ts'
import { InvalidText } from './text-schemas.ts'

export const redisHostForm = 'host:port or [address]:port'

export function readRedisHost(written: string): RedisHost | undefined {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([1-9][0-9]{0,4})$/.exec(written) ?? []
  const port = Number(digits)
  return digits === undefined || port > 65_535 ? undefined : { host: (bracketed ?? plain)!, port }
}

export const redisUrlForm = 'redis://host[:port][/database], rediss://… or unix:///path/of.sock'

/** Parsed URL of a Redis server. */
export interface RedisUrl {
  readonly server: RedisHost | { readonly path: string }
  readonly database: number
  readonly tls: boolean
}

/** Parses a Redis URL. Error messages never quote the URL, because it can contain a password. */
export function readRedisUrl(written: string): RedisUrl | InvalidText | undefined {
  if (/^unix:\/\/\/[^\s?#]+$/.test(written)) {
    return { server: { path: written.slice('unix://'.length) }, database: 0, tls: false }
  }
  const url = /^rediss?:\/\/[\x21-\x7e]+$/.test(written) ? URL.parse(written) : null
  if (url === null || url.hostname === '') return undefined
  if (url.username !== '' || url.password !== '') {
    return new InvalidText('must not contain a user or password: set redis.username and redis.password')
  }
  const database = /^\/(0|[1-9][0-9]{0,3})$/.exec(url.pathname || '/0') ?? /^\/$/.exec(url.pathname)
  if (database === null || url.search !== '' || url.hash !== '') return undefined
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const server = { host, port: Number(url.port || 6379) }
  return { server, database: Number(database[1] ?? 0), tls: url.protocol === 'rediss:' }
}
