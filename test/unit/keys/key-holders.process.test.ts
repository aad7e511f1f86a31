// Processes publish their keys in Redis and read those of all processes.

import { beforeEach, expect, test } from 'vitest'
import { KeyRings, type SettingKeys } from '../../../gateway/config/key-rings.ts'
import { appointKeys, KeyHolders } from '../../../gateway/keys/key-holders.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

const { port } = await testRedis()
const link: RedisLink = await testLink(redisSettingsFor(port))
beforeEach(() => link.store.call('FLUSHALL'))

const key = (id: string) => ({ id, secret: Buffer.alloc(32, id) })
const ringsOf = (encryption: readonly string[], more: Partial<SettingKeys> = {}) =>
  new KeyRings({ assertion: [], audit: [], policy: [], encryption: encryption.map(key), ...more })

/** Starts the reports of a process, and waits for the first one. */
async function start(
  id: string,
  role: 'node' | 'worker',
  keyRings: KeyRings,
  appointed = (_: ReadonlyMap<string, string>) => {},
) {
  const holders = new KeyHolders({ link, keyRings, process: { id, role }, appointed })
  holders.start()
  atEnd(() => holders.close())
  await until('the first report', () =>
    listed(holders).then(
      (ids) => ids.includes(id),
      () => false,
    ),
  )
  return holders
}
const listed = async (holders: KeyHolders) => (await holders.read()).holders.map(({ id }) => id).sort()

test('a process lists the keys of all processes; workers publish the ids of encryption and policy keys only, and a closed process is no longer listed', async () => {
  const audit = [key('a1')]
  const node = await start('n1', 'node', ringsOf(['k1', 'k2'], { audit }))
  const worker = await start('w1', 'worker', ringsOf(['k1'], { audit, policy: [key('p1')] }))

  const state = await worker.read()
  expect(state.ids('encryption')).toEqual(['k1', 'k2'])
  expect(state.lacking('encryption', 'k2')).toEqual([{ id: 'w1', role: 'worker' }])
  expect(state.holders.find(({ id }) => id === 'w1')).toMatchObject({
    keys: { audit: [], policy: ['p1'] },
    writes: { encryption: 'k1', policy: 'p1' },
  })

  await worker.close()
  expect(await listed(node)).toEqual(['n1'])
})

test('a process reports changed keys to Redis at once', async () => {
  const rings = ringsOf(['k1'])
  const holders = await start('n1', 'node', rings)

  rings.replace({ assertion: [], audit: [], policy: [], encryption: [key('k1'), key('k2')] })
  await until('the new key', async () => (await holders.read()).ids('encryption').includes('k2'))
})

test('an assertion key counts as published only from the time at which every node has it', async () => {
  const assertion = (id: string) => ({ id }) as SettingKeys['assertion'][number]
  const rings = (...ids: string[]) => ringsOf([], { assertion: ids.map(assertion) })
  const first = await start('n1', 'node', rings('k1', 'k2'))

  const late = rings('k1')
  const second = await start('n2', 'node', late)
  await until('the report of a node without the key', async () => {
    const state = await second.read()
    return state.publishedSinceMs('k2')! > state.nowMs
  })
  expect((await first.read()).publishedSinceMs('k1')).toBeLessThanOrEqual((await first.read()).nowMs)

  late.replace({ assertion: [assertion('k1')], audit: [], policy: [], encryption: [] })
  await first.close()
  await until('the removal of the key that no node has', async () => {
    late.replace({ assertion: [assertion('k1')], audit: [], policy: [], encryption: [] })
    return (await second.read()).publishedSinceMs('k2') === undefined
  })
})

test('the next key report of any process removes expired key reports from Redis', async () => {
  const holders = await start('n1', 'node', ringsOf(['k1']))
  const entry = JSON.stringify({
    id: 'dead',
    role: 'node',
    keys: { assertion: [], encryption: ['k9'], audit: [], policy: [] },
    writes: {},
  })
  await link.store.call('HSET', link.keys.keyHolders, 'dead~1', `1 ${entry}`)
  expect(await listed(holders)).not.toContain('dead')

  const rings = ringsOf(['k1'])
  await start('n2', 'node', rings)
  await until(
    'the entry of the stopped process is removed',
    async () => (await link.store.call('HEXISTS', link.keys.keyHolders, 'dead~1')) === 0,
  )
})

test('a worker learns which key the cluster writes with when it reports its keys, and reports if it lacks this key', async () => {
  await link.store.call('HSET', link.keys.writingKeys, 'encryption', 'k2')
  const lacking: string[] = []
  const rings = ringsOf(['k1', 'k2'])
  await start('w1', 'worker', rings, (keys) =>
    appointKeys(rings, keys as never, (kind, id) => lacking.push(`${kind} ${id}`)),
  )
  await until('the node writes with the new key', () => rings.encryption.writer?.id === 'k2')
  expect(lacking).toEqual([])

  const without = ringsOf(['k1'])
  await start('w2', 'worker', without, (keys) =>
    appointKeys(without, keys as never, (kind, id) => lacking.push(`${kind} ${id}`)),
  )
  await until('the report of the missing key', () => lacking.includes('encryption k2'))
  expect(without.encryption.writer?.id).toBe('k1')
})

test('the key report of a process removes the last uses of keys that are more than 32 days old, and keeps later ones', async () => {
  const dayMs = 24 * 3_600_000
  const uses = [
    'w:encryption/k7',
    Date.now() - 33 * dayMs,
    'w:encryption/k8',
    Date.now() - 31 * dayMs,
    'w:audit/k9',
    'x',
  ]
  await link.store.call('HSET', link.keys.keyUse, ...uses)

  await start('w1', 'worker', ringsOf(['k1']))

  const kept = (await link.store.call('HKEYS', link.keys.keyUse)) as string[]
  expect(kept.sort()).toEqual(['w:encryption/k1', 'w:encryption/k8'])
})
