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

/** Starts a Redis only for this test, on a free port. The Redis stops after the last test of the file. */
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

/** Redis settings for a server on this machine, in the form that `readRedis` returns. */
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

/**
 * A link whose calls wait for Redis without a deadline: the deadline of HTTP requests does not apply to calls of a
 * test.
 */
class PatientLink extends RedisLink {
  override readonly store: RedisClient = this.client('reader', 'test')
}

/**
 * Opens a link to Redis whose calls have no deadline, and waits for its connection. It closes after the last test of
 * the file.
 */
export function testLink(settings: RedisSettings): Promise<RedisLink> {
  return connected(new PatientLink(settings, () => undefined))
}

/** Opens a link to Redis as a node does, for tests of calls to which Redis does not reply in time. */
export function nodeLink(settings: RedisSettings): Promise<RedisLink> {
  return connected(new RedisLink(settings, () => undefined))
}

async function connected(link: RedisLink): Promise<RedisLink> {
  atEnd(() => link.close())
  await untilReady(link.store)
  return link
}

/** Waits for a connection to Redis. Each connection reconnects on its own, up to 3 s after Redis is available again. */
export async function untilReady(client: { readonly ready: boolean }): Promise<void> {
  await until('a connection to Redis', () => client.ready)
}
