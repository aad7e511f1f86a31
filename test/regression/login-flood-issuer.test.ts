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

  const statuses: number[] = []
  while (statuses.length < PENDING_MAX + 40) {
    statuses.push(...(await Promise.all(Array.from({ length: 20 }, begin))))
  }

  expect(statuses.filter((status) => status === 303)).toHaveLength(PENDING_MAX)
  expect(statuses.filter((status) => status === 429)).toHaveLength(40)
  expect(issuer.pushed).toHaveLength(PENDING_MAX)
})

test('S-140 made-up codes are charged to whoever brings them, and end before the issuer is asked', async () => {
  const { url, issuer, enter } = await startCodeGate({
    settings: { limits: { address: { per_second: 0.1, burst: BURST } } },
  })
  issuer.failure = { status: 400, body: '{"error":"invalid_grant"}' }
  for (let i = 0; i < BURST; i++) expect((await enter(new HttpBrowser())).status).toBe(403)

  const { status } = await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })

  expect(status).toBe(429)
  expect(issuer.asked).toHaveLength(BURST)
})

test('a login that the issuer could not be asked for is not pending', async () => {
  const { url, issuer, redisPort } = await startCodeGate()
  const link = await testLink(redisSettingsFor(redisPort))
  issuer.pushes = true
  issuer.failure = { status: 503, body: '{}' }
  expect((await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })).status).toBe(503)

  expect(((await link.store.call('KEYS', 'gh:{o*')) as string[]).sort()).toEqual([])
})
