// S-140: logins that are begun and never finished. They end by themselves, and one address cannot fill the store.

import { expect, test } from 'vitest'
import { Sealer } from '../../gateway/base/sealer.ts'
import type { LoginAttempt } from '../../gateway/login/attempt.ts'
import { AttemptStore } from '../../gateway/login/attempt-store.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'

const { port } = await testRedis()
const link = await testLink(redisSettingsFor(port))
const sealer = new Sealer([{ id: 'k', secret: Buffer.alloc(32, 7) }])
const store = new AttemptStore(link.store, link.keys, sealer)
const attempt: LoginAttempt = {
  issuer: 'main',
  nonce: 'secret-nonce',
  codeVerifier: 'secret-verifier',
  stepUp: { acrValues: undefined, maxAgeS: undefined },
  returnTo: '/secret-page',
  redirectUri: 'https://gate.test/.gatehouse/callback',
  browser: 'secret-browser',
  session: undefined,
}
const floodMax = 1000

test('S-140 of 1,500 logins from one network, 1,000 are kept; another network has room, and one that ends gives its place back', async () => {
  const flood = Uint8Array.from([0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1])
  const states = Array.from({ length: 1500 }, (_, i) => {
    // Of one /64, which is one subscriber.
    flood[15] = i & 0xff
    return store.newState(flood)
  })
  const kept: boolean[] = []
  // Not all in one moment: each has a deadline of its own.
  for (let i = 0; i < states.length; i += 100) {
    kept.push(...(await Promise.all(states.slice(i, i + 100).map((state) => store.keep(state, attempt)))))
  }
  expect(kept.filter(Boolean)).toHaveLength(floodMax)

  const other = store.newState(Uint8Array.from([10, 0, 0, 1]))
  expect(await store.keep(other, attempt)).toBe(true)

  expect(await store.take(states[kept.indexOf(true)]!)).toEqual(attempt)
  expect(await store.keep(states[kept.indexOf(false)]!, attempt)).toBe(true)
})

test('S-140 every key of a login ends by itself', async () => {
  const keys = (await link.store.call('KEYS', '*')) as string[]
  const lives = await Promise.all(keys.map((key) => link.store.call('PTTL', key) as Promise<number>))

  expect(keys.length).toBeGreaterThan(floodMax)
  expect(Math.min(...lives)).toBeGreaterThan(0)
  expect(Math.max(...lives)).toBeLessThanOrEqual(15 * 60_000)
})

test('S-104 a dump of Redis has nothing of a login in the clear, and what is stored opens in its own place alone', async () => {
  const [a, b] = [store.newState(Uint8Array.from([10, 0, 0, 9])), store.newState(Uint8Array.from([10, 0, 0, 9]))]
  await Promise.all([store.keep(a, attempt), store.keep(b, attempt)])
  const keys = (await link.store.call('KEYS', '*')) as string[]
  const values = await Promise.all(
    keys.map(async (key) => ((await link.store.call('TYPE', key)) === 'string' ? link.store.call('GET', key) : '')),
  )
  const dump = JSON.stringify([keys, values])
  for (const secret of ['secret-', a, b]) expect(dump).not.toContain(secret)

  const slot = `gh:{o${a.slice(0, 2)}}:`
  const own = keys.filter((key) => key.startsWith(slot) && !key.includes(':of:'))
  const blobs = await Promise.all(own.map((key) => link.store.callBuffer('GET', key)))
  for (const [i, key] of own.entries())
    await link.store.call('SET', key, blobs[(i + 1) % blobs.length] as Buffer, 'KEEPTTL')
  expect(await store.take(a)).toBeUndefined()
})

test('a login can be taken once, however many ask', async () => {
  const state = store.newState(Uint8Array.from([10, 0, 0, 2]))
  await store.keep(state, attempt)

  const taken = await Promise.all(Array.from({ length: 20 }, () => store.take(state)))

  expect(taken.filter((each) => each !== undefined)).toHaveLength(1)
})

test('S-140 where Redis has no memory left, no login begins, and what was begun can be taken', async () => {
  const address = Uint8Array.from([10, 0, 0, 3])
  const state = store.newState(address)
  await store.keep(state, attempt)
  await link.store.call('CONFIG', 'SET', 'maxmemory', '100kb')
  try {
    await expect(store.keep(store.newState(address), attempt)).rejects.toThrow(/OOM/)
    expect(await store.take(state)).toEqual(attempt)
  } finally {
    await link.store.call('CONFIG', 'SET', 'maxmemory', '0')
  }
})
