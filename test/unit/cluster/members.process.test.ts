import { beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../../gateway/cluster/cluster.ts'
import { comparePositions } from '../../../gateway/cluster/position.ts'
import type { SharedState } from '../../../gateway/cluster/shared-state.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { clusterView } from '../../kit/cluster-view.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until as untilSoon } from '../../kit/until.ts'

// A member of the cluster has a lease in Redis, applies the event log in order, and publishes its position in the log.

let link: RedisLink

beforeAll(async () => {
  const { port } = await testRedis()
  link = await testLink(redisSettingsFor(port))
  await link.store.call('SET', link.keys.epoch, 'first')
})

const until = (condition: () => boolean | Promise<boolean>) => untilSoon(String(condition), condition)
/** Records the events that a member applies. */
class Notes implements SharedState {
  readonly kinds = ['note']
  readonly taken: string[] = []
  catchUps = 0

  apply(_: string, payload: Buffer): void {
    this.taken.push(payload.toString())
  }

  async catchUp(): Promise<void> {
    this.catchUps += 1
  }
}

async function joinedWith(id: string): Promise<{ cluster: Cluster; notes: Notes }> {
  const cluster = await clusterView(link, { id })
  const notes = new Notes()
  cluster.register(notes)
  cluster.start()
  await until(() => cluster.caughtUp)
  return { cluster, notes }
}

const write = (kind: string, payload: string) => link.store.call('XADD', link.keys.events, '*', 'k', kind, 'r', payload)

test('the member list of the cluster contains the running members, and no members that left', async () => {
  const { cluster } = await joinedWith('lists-a')
  const { cluster: other } = await joinedWith('lists-b')
  const listed = await cluster.list()
  expect(listed).toEqual(
    ['lists-a', 'lists-b'].map((id) => ({
      id,
      key: expect.stringMatching(`^${id}~`),
      eventKinds: expect.any(Array),
      address: '127.0.0.1:1',
      version: '0',
      revision: 'r1',
      policy_number: null,
      policy_sequence: null,
      policy_failed: null,
      policy_canary: false,
      position: expect.stringMatching(/^\d+-\d+$/),
      lag_ms: expect.any(Number),
      heard_ms: expect.any(Number),
    })),
  )
  await other.close()
  expect((await cluster.list()).map(({ id }) => id)).toEqual(['lists-a'])
  await cluster.close()
  expect(await link.store.call('HLEN', link.keys.positions)).toBe(0)
})

test('a member applies each cluster event once and in order; an event of an unknown kind is counted and skipped', async () => {
  const { cluster, notes } = await joinedWith('order')
  const numbers = Array.from({ length: 1300 }, (_, i) => String(i))
  await Promise.all(numbers.map((number) => write('note', number)))
  await write('of-a-newer-version', 'x')
  await write('note', 'last')
  await until(() => notes.taken.at(-1) === 'last')
  expect(notes.taken).toEqual([...numbers, 'last'])
  expect(cluster.status()).toMatchObject({ events_unknown: 1, events_applied: 1301, joins: 1 })
  await cluster.close()
})

test('a member that has not read cluster events before they were trimmed joins again and reads all shared data again', async () => {
  const { cluster, notes } = await joinedWith('gap')
  await write('note', 'seen')
  await until(() => notes.taken.length === 1)
  await link.store.call('XTRIM', link.keys.events, 'MAXLEN', 0)
  await until(() => notes.catchUps === 2)
  await write('note', 'after')
  await until(() => notes.taken.at(-1) === 'after')
  expect(cluster.status()).toMatchObject({ joins: 2 })
  await cluster.close()
})

test('a member acknowledges a cluster event only when the work for the event has ended, and renews its lease meanwhile', async () => {
  const { promise: work, resolve: finish } = Promise.withResolvers<void>()
  const applied: string[] = []
  const slow: SharedState = {
    kinds: ['slow'],
    apply: (_, payload) => {
      applied.push(payload.toString())
      return payload.toString() === 'first' ? work : undefined
    },
    catchUp: async () => {},
  }
  const cluster = await clusterView(link, { id: 'slow-work' })
  cluster.register(slow)
  cluster.start()
  await until(() => cluster.caughtUp)
  const members = (await link.store.call('ZRANGE', link.keys.members, 0, -1)) as string[]
  const key = members.find((each) => each.startsWith('slow-work~'))!
  const leaseOf = async () => Number(await link.store.call('ZSCORE', link.keys.members, key))
  const published = async () => (await cluster.list()).find(({ id }) => id === 'slow-work')!.position

  const first = String(await write('slow', 'first'))
  const second = String(await write('slow', 'second'))
  await until(() => applied.length === 2)
  const leaseAtFirst = await leaseOf()
  await until(async () => (await leaseOf()) > leaseAtFirst)
  expect(comparePositions(await published(), first)).toBeLessThan(0)
  expect(cluster.freshness.within(10_000)).toBe(true)

  finish()
  await until(async () => comparePositions(await published(), second) >= 0)
  await cluster.close()
})

test('a member whose connection to Redis breaks loses no cluster event and keeps their order', async () => {
  const { cluster, notes } = await joinedWith('reconnect')
  for (let i = 0; i < 5; i++) {
    await link.store.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes').catch(() => undefined)
    await until(async () => link.store.ready)
    await write('note', String(i))
  }
  await until(() => notes.taken.at(-1) === '4')
  expect(notes.taken).toEqual(['0', '1', '2', '3', '4'])
  await cluster.close()
})

test('a member releases its node id when it leaves; a second node that was refused the same id does not release it', async () => {
  const { cluster } = await joinedWith('held')
  const said: string[] = []
  const second = await clusterView(link, { id: 'held', said })
  second.start()
  await until(() => said.some((line) => line.includes('node id is in use')))
  const holder = await link.store.call('GET', link.keys.nodeId('held'))
  expect(second.caughtUp).toBe(false)
  expect((await cluster.list()).filter(({ id }) => id === 'held')).toHaveLength(1)
  await second.close()
  expect(await link.store.call('GET', link.keys.nodeId('held'))).toBe(holder)
  await cluster.close()
  expect(await link.store.call('EXISTS', link.keys.nodeId('held'))).toBe(0)
})

test.each([
  ['the time since the last renewal of its lease', { bound_ms: 600_000 }, 60_000],
  ['`null` without the duration of its lease', {}, null],
])('a silent member is listed with %s', async (_, facts, expected) => {
  const { cluster } = await joinedWith('hears')
  const [second, microsecond] = (await link.store.call('TIME')) as [string, string]
  const nowMs = Number(second) * 1000 + Math.floor(Number(microsecond) / 1000)
  await link.store.call('ZADD', link.keys.members, nowMs + 540_000, 'silent~1')
  await link.store.call('HSET', link.keys.memberFacts, 'silent~1', JSON.stringify({ id: 'silent', ...facts }))
  const { heard_ms } = (await cluster.list()).find(({ id }) => id === 'silent')!
  await link.store.call('ZREM', link.keys.members, 'silent~1')
  await cluster.close()
  if (expected === null) expect(heard_ms).toBeNull()
  else expect(heard_ms).toBeGreaterThanOrEqual(expected)
})
