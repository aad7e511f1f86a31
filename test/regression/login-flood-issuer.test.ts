// S-140: logins that are begun, or ended with made-up codes, by one who never means to log in. The issuer is not to pay for them.

import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'

const PENDING_MAX = 1000
const BURST = 5

test('S-140 beyond what may be pending of an address, the issuer is not asked to take a request', async () => {
  const { url, issuer } = await startCodeGate()
  issuer.pushes = true
  const begin = async () => (await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })).status

  const count = { 303: 0, 429: 0, 503: 0 }
  while (count[429] < 40) {
    const statuses = await Promise.all(Array.from({ length: 20 }, begin))
    for (const status of statuses) count[status as keyof typeof count]++
  }

  // On a busy machine Redis may be given up: such a login can be pending although nobody was sent to the issuer.
  expect(count[303]).toBeLessThanOrEqual(PENDING_MAX)
  expect(count[303] + count[503]).toBeGreaterThanOrEqual(PENDING_MAX)
  expect(count[503]).toBeLessThan(40)
  expect(issuer.pushed.length).toBeGreaterThanOrEqual(count[303])
  expect(issuer.pushed.length).toBeLessThanOrEqual(PENDING_MAX)
})

test('S-140 made-up codes are charged to whoever brings them, and end before the issuer is asked', async () => {
  const { url, issuer, enter } = await startCodeGate({
    settings: { limits: { address: { per_second: 0.1, burst: BURST } } },
  })
  issuer.failure = { status: 400, body: '{"error":"invalid_grant"}' }
  const begun = async () => (await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })).status
  let charged = 0
  // In ten seconds, which only a busy machine takes, one more may be tried.
  for (let status = await begun(); status !== 429 && charged < 2 * BURST; status = await begun()) {
    expect((await enter(new HttpBrowser())).status).toBe(403)
    charged++
  }

  expect(await begun()).toBe(429)
  expect(charged).toBeGreaterThanOrEqual(BURST)
  expect(charged).toBeLessThan(2 * BURST)
  expect(issuer.asked).toHaveLength(charged)
})

test('a login that the issuer could not be asked for is not pending', async () => {
  const { url, issuer, redisPort } = await startCodeGate()
  const link = await testLink(redisSettingsFor(redisPort))
  issuer.pushes = true
  issuer.failure = { status: 503, body: '{}' }
  expect((await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })).status).toBe(503)

  expect(((await link.store.call('KEYS', 'gh:{o*')) as string[]).sort()).toEqual([])
})
