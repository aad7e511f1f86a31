import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RedisOptions, type RedisServer, startRedis } from '../../deploy/redis-server.ts'
import type { RedisSettings } from '../../gateway/base/redis-topology.ts'
import type { RedisClient } from '../../gateway/redis/redis-client.ts'
import { RedisLink } from '../../gateway/redis/redis-link.ts'
import { atEnd } from './cleanup.ts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

/** A Redis of the test's own on a free port; it ends with the test file. */
export async function testRedis(options: Partial<RedisOptions> = {}): Promise<RedisServer & { readonly port: number }> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'gatehouse-redis-'))
  const port = options.port ?? freePort()
  const server = await startRedis({ ...options, folder, port })
  atEnd(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { ...server, port }
}

/** Settings for a server on this machine, as `readRedis` gives them. */
export function redisSettingsFor(port: number, more: Partial<RedisSettings> = {}): RedisSettings {
  return {
    place: { topology: 'standalone', server: { host: '127.0.0.1', port }, database: 0 },
    tls: undefined,
    username: undefined,
    password: undefined,
    prefix: 'gh:',
    ...more,
  }
}

/** Its store waits for Redis as long as that takes: the deadline of a request is none of a test that asks a question. */
class PatientLink extends RedisLink {
  override readonly store: RedisClient = this.client('reader', 'test')
}

/** A link whose store has a connection, and no deadline. Closed with the test file. */
export function testLink(settings: RedisSettings): Promise<RedisLink> {
  return connected(new PatientLink(settings, () => undefined))
}

/** As a node has it, for tests of what becomes of calls that Redis does not answer in time. */
export function nodeLink(settings: RedisSettings): Promise<RedisLink> {
  return connected(new RedisLink(settings, () => undefined))
}

async function connected(link: RedisLink): Promise<RedisLink> {
  atEnd(() => link.close())
  await untilReady(link.store)
  return link
}

/** Each connection comes back by itself, in its own time: up to 3 s after Redis does, and after others have. */
export async function untilReady(client: { readonly ready: boolean }): Promise<void> {
  await until('a connection to Redis', () => client.ready)
}
