// Half-open connections to Redis: bytes vanish, and nothing closes the connection, as after the loss of a switch or of
// the state of a firewall.

import type { Redis } from 'ioredis'
import { beforeAll, expect, test } from 'vitest'
import { type ClientKind, RedisLink } from '../../../gateway/redis/redis-link.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { FaultRelay } from '../../kit/fault-relay.ts'
import { redisSettingsFor, testLink, testRedis, untilReady } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

let port: number
let direct: RedisLink

beforeAll(async () => {
  port = (await testRedis()).port
  direct = await testLink(redisSettingsFor(port))
})

async function behindRelay(): Promise<{ relay: FaultRelay; link: RedisLink; reasons: unknown[] }> {
  const relay = await FaultRelay.start('redis', port)
  const reasons: unknown[] = []
  const link = new RedisLink(redisSettingsFor(relay.port), (_, __, { reason }) => reasons.push(reason))
  atEnd(() => relay.stop())
  atEnd(() => link.close())
  return { relay, link, reasons }
}

const kinds = ['store', 'reader', 'log', 'receipt', 'subscriber'] as const satisfies readonly ClientKind[]

test.concurrent.each(kinds)(
  'an idle Redis connection for the use "%s" that becomes half-open is replaced',
  async (kind) => {
    const { relay, link, reasons } = await behindRelay()
    const client = link.client(kind, 'half-open')
    await untilReady(client)
    relay.break({ kind: 'half-open' })
    relay.mend()

    await until('the log names the silence', () => reasons.join().includes('no reply for'))
    await until('a call succeeds', () =>
      client.call('PING').then(
        () => true,
        () => false,
      ),
    )
  },
)

test.concurrent.each(kinds)(
  'a Redis connection for the use "%s" whose handshake gets no reply is replaced',
  async (kind) => {
    const { relay, link } = await behindRelay()
    relay.break({ kind: 'half-open' })
    const client = link.client(kind, 'no-handshake')
    await until('the handshake is sent', () => relay.counts.vanishedBytes > 0)
    expect(client.ready).toBe(false)
    relay.mend()

    await untilReady(client)
  },
)

test.concurrent.each(['producer', 'worker'] as const)(
  'a half-open Redis connection of a queue %s is replaced',
  async (kind) => {
    const { relay, link } = await behindRelay()
    const driver = link.queueConnection(kind, 'half-open') as Redis
    await until('the connection is established', () => driver.status === 'ready')
    relay.break({ kind: 'half-open' })
    relay.mend()

    const before = relay.counts.connections
    await until('a new connection', () => relay.counts.connections > before)
    await until('the connection is established again', () => driver.status === 'ready')
    expect(await driver.ping()).toBe('PONG')
  },
)

test.concurrent('a Redis subscriber whose connection becomes half-open receives messages again', async () => {
  const { relay, link } = await behindRelay()
  const subscriber = link.client('subscriber', 'half-open')
  const heard: string[] = []
  await subscriber.subscribe('gh:half-open', (message) => heard.push(message))
  relay.break({ kind: 'half-open' })
  relay.mend()

  await until('a message', async () => {
    await direct.store.call('PUBLISH', 'gh:half-open', 'after')
    return heard.length > 0
  })
})

test.concurrent('a Redis connection stays open while a blocking call waits for less than the longest silence', async () => {
  const { relay, link } = await behindRelay()
  const client = link.client('receipt', 'blocking')
  await untilReady(client)
  const before = relay.counts.connections

  expect(await client.call('WAIT', 1, 2500)).toBe(0)
  expect(relay.counts.connections).toBe(before)
})
