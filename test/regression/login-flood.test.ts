// S-140: unfinished logins leave no key in Redis. A completed login leaves one key besides its session: the redemption
// marker.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Redemptions } from '../../gateway/login/redemptions.ts'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'

const { port } = await testRedis()
const link = await testLink(redisSettingsFor(port))
const redemptions = new Redemptions(link.store, link.keys)
const gate = await startCodeGate()
const gateLink = await testLink(redisSettingsFor(gate.redisPort))
const newState = () => randomBytes(300).toString('base64url')

test('S-140 starting a login writes no login marker to Redis, and completing the login writes one marker of less than 300 bytes', async () => {
  const { url, enter, redisPort } = await startCodeGate()
  const own = await testLink(redisSettingsFor(redisPort))
  const loginKeys = async () => ((await own.store.call('KEYS', '*')) as string[]).filter((key) => key.includes('{o'))

  for (let i = 0; i < 100; i++) {
    const page = await new HttpBrowser().visit(`${url}/.gatehouse/login?return_to=/app/${i}`, { redirects: 0 })
    expect(page.status).toBe(303)
  }
  expect(await loginKeys()).toEqual([])

  await enter(new HttpBrowser())
  const [marker, ...others] = await loginKeys()

  expect(others).toEqual([])
  const leftMs = (await own.store.call('PTTL', marker!)) as number
  expect(leftMs).toBeGreaterThan(10 * 60_000)
  expect(leftMs).toBeLessThanOrEqual(16 * 60_000)
  expect(await own.store.call('MEMORY', 'USAGE', marker!)).toBeLessThan(300)
})

test.each([
  ['an error', { code: undefined, error: 'access_denied' }],
  ['an error and a code', { error: 'access_denied' }],
  ['no code', { code: undefined }],
  ['an empty code', { code: '' }],
  ['the iss of another issuer', { iss: 'https://evil.test' }],
])('S-140 a login reply with %s causes no request to the issuer and no Redis key', async (_, reply) => {
  const page = await gate.enter(new HttpBrowser(), { reply })

  expect(page.status).toBe(403)
  expect(gate.issuer.asked).toEqual([])
  expect(((await gateLink.store.call('KEYS', '*')) as string[]).filter((key) => key.includes('{o'))).toEqual([])
})

test('a login `state` can be used once, however many login replies arrive concurrently', async () => {
  const state = newState()

  const redeemed = await Promise.all(Array.from({ length: 20 }, () => redemptions.redeem(state, 60_000)))

  expect(redeemed.filter(Boolean)).toHaveLength(1)
  expect(await redemptions.redeem(state, 60_000)).toBe(false)
  expect(await redemptions.redeem(newState(), 60_000)).toBe(true)
})

test('S-140 the Redis marker of a completed login expires at most 60 s after the login attempt expires', async () => {
  await redemptions.redeem(newState(), 500_000)
  const keys = (await link.store.call('KEYS', '*')) as string[]
  const lives = await Promise.all(keys.map((key) => link.store.call('PTTL', key) as Promise<number>))

  expect(Math.min(...lives)).toBeGreaterThan(0)
  expect(Math.max(...lives)).toBeLessThanOrEqual(560_000)
})

test('S-104 Redis contains no part of a login `state` in clear text', async () => {
  const state = newState()
  await redemptions.redeem(state, 60_000)
  const keys = (await link.store.call('KEYS', '*')) as string[]
  const dump = JSON.stringify([keys, await Promise.all(keys.map((key) => link.store.call('GET', key)))])

  for (let at = 0; at < state.length; at += 20) expect(dump).not.toContain(state.slice(at, at + 20))
})
