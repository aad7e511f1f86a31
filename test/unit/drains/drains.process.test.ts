import { beforeEach, expect, test } from 'vitest'
import { DRAINS_MAX, Drains } from '../../../gateway/drains/drains.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { clusterView } from '../../kit/cluster-view.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// Drains of upstreams in Redis. Each `Drains` is that of one node.

const { port } = await testRedis()
const link: RedisLink = await testLink(redisSettingsFor(port))
const client = link.client('receipt', 'drains')
const { acknowledgements } = await clusterView(link)
beforeEach(() => link.store.call('FLUSHALL'))

const [a, b] = [
  { service: 'orders', origin: 'http://a:1' },
  { service: 'orders', origin: 'http://b:1' },
]

/** The drains of a node, which has read those in Redis. */
async function node() {
  let ends: ReadonlyMap<string, number> = new Map()
  const lines: string[] = []
  const drains = new Drains({
    client,
    keys: link.keys,
    acknowledgements,
    onChange: (untilMs) => {
      ends = untilMs
    },
    log: (_, message, { upstream }) => lines.push(`${message}: ${upstream}`),
  })
  await drains.catchUp()
  return { drains, lines, names: () => drains.list().map(({ origin }) => origin), ends: () => ends }
}

/** Payloads of the events that were written. */
async function events(): Promise<Buffer[]> {
  const entries = (await link.store.call('XRANGE', link.keys.events, '-', '+')) as [string, string[]][]
  return entries.map(([, fields]) => Buffer.from(fields[fields.indexOf('r') + 1]!))
}

test('a drain of an upstream applies on a node that reads its event, and on a node that joins the cluster later, until the drain is ended', async () => {
  const [first, second] = [await node(), await node()]
  await first.drains.drain([a], Number.POSITIVE_INFINITY)
  const [drained] = await events()
  second.drains.apply('drain', drained!)
  expect(second.names()).toEqual(['http://a:1'])
  expect(second.ends()).toEqual(new Map([['orders http://a:1', Number.POSITIVE_INFINITY]]))
  expect((await node()).names()).toEqual(['http://a:1'])

  await first.drains.drain([a], 0)
  second.drains.apply('drain', (await events())[1]!)
  expect(second.names()).toEqual([])
  expect(second.ends().get('orders http://a:1')).toBeLessThanOrEqual(Date.now())
  expect((await node()).names()).toEqual([])
  expect(second.lines).toEqual(['upstream drained: http://a:1', 'upstream no longer drained: http://a:1'])
})

test('a drain of an upstream with a duration ends after the duration, by the clock of Redis', async () => {
  const { drains } = await node()
  await drains.drain([a, b], 3_600_000)
  const joined = await node()
  const { untilMs } = joined.drains.list()[0]!

  expect(untilMs - Date.now()).toBeGreaterThan(3_500_000)
  expect(joined.drains.list(untilMs - 1)).toHaveLength(2)
  expect(joined.drains.list(untilMs)).toEqual([])
})

test('a drain event that a node reads twice, or late, does not replace a later change of the drain', async () => {
  const { drains } = await node()
  await drains.drain([a], Number.POSITIVE_INFINITY)
  await drains.drain([a], 0)
  const [drained, ended] = await events()
  const late = await node()
  late.drains.apply('drain', ended!)
  late.drains.apply('drain', drained!)

  expect(late.names()).toEqual([])
})

test('the latest change of a drain applies although the clock of Redis went back after the one before it', async () => {
  const { drains, names } = await node()
  const anHourAhead = Date.now() + 3_600_000
  await link.store.call('HSET', link.keys.drains, 'orders http://a:1', `- ${anHourAhead}`)
  await drains.catchUp()
  expect(names()).toEqual(['http://a:1'])

  await drains.drain([a], 0)
  drains.apply('drain', (await events())[0]!)

  expect(names()).toEqual([])
})

test('a node that joins the cluster again restores a drain of an upstream that Redis lost, but not a drain that was ended meanwhile', async () => {
  const [first, second] = [await node(), await node()]
  await first.drains.drain([a, b], Number.POSITIVE_INFINITY)
  for (const payload of await events()) second.drains.apply('drain', payload)
  await first.drains.drain([b], 0)
  await link.store.call('HDEL', link.keys.drains, 'orders http://a:1')

  await second.drains.catchUp()

  expect(second.names()).toEqual(['http://a:1'])
  expect((await node()).names()).toEqual(['http://a:1'])
})

test('a drain of an upstream is refused when Redis has 4096 drains, and accepted once other drains have ended more than a day ago', async () => {
  const { drains } = await node()
  const fill = (value: string) => {
    const fields = Array.from({ length: DRAINS_MAX }, (_, n) => [`s http://host-${n}`, value])
    return link.store.call('HSET', link.keys.drains, ...fields.flat())
  }
  await fill('- 1')
  expect(await drains.drain([a], 1000)).toBeUndefined()
  expect(await events()).toEqual([])
  expect(await drains.drain([{ service: 's', origin: 'http://host-1' }], 0)).toBeDefined()

  await fill(`${Date.now() - 90_000_000} 1`)
  expect(await drains.drain([a], 1000)).toEqual({ acknowledged: [], missing: [] })
  expect(await link.store.call('HLEN', link.keys.drains)).toBe(1)
})

test('a node ignores a malformed drain in Redis, and applies the other drains', async () => {
  await link.store.call('HSET', link.keys.drains, 'orders http://a:1', 'soon', 'orders http://b:1', '- 5')

  expect((await node()).names()).toEqual(['http://b:1'])
})
