// S-099, S-140: logins and logouts while Redis is out of memory or unavailable.

import { afterEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { until } from '../kit/until.ts'

// Some tests pause Redis. The gate waits 3 s for Redis, which is longer than Redis needs otherwise on a busy machine.
const gate = await startCodeGate({ redisDeadlineMs: 3000 })
const { url, issuer, enter } = gate
const link = await testLink(redisSettingsFor(gate.redisPort))

afterEach(async () => {
  await link.store.call('CLIENT', 'UNPAUSE')
  await link.store.call('CONFIG', 'SET', 'maxmemory', '0')
})

async function callbackUrl(browser: HttpBrowser): Promise<string> {
  const start = await browser.visit(`${url}/.gatehouse/login?return_to=%2Fapp%2Fx%3Fa%3D1`, { redirects: 0 })
  const { state } = issuer.pending(start.field('location')!)
  return `${gate.callback}?${new URLSearchParams({ code: 'a-code', state, iss: issuer.url })}`
}

test('S-140 while Redis is out of memory, a login can start, and its login reply succeeds when Redis has memory again', async () => {
  const browser = new HttpBrowser()
  await link.store.call('CONFIG', 'SET', 'maxmemory', '100kb')
  const callback = await callbackUrl(browser)
  const asked = issuer.asked.length

  const refused = await browser.visit(callback, { redirects: 0 })

  expect([refused.status, browser.session, issuer.asked.length]).toEqual([503, undefined, asked])
  expect(refused.body).toContain(`<a href="${callback.replaceAll('&', '&#38;')}">Try again</a>`)
  await link.store.call('CONFIG', 'SET', 'maxmemory', '0')
  const page = await browser.visit(callback, { redirects: 0 })
  expect([page.status, page.field('location')]).toEqual([303, `${url}/app/x?a=1`])
})

test('S-140 the gate replies 503 to a login reply during a Redis outage without calling the issuer; later the same login reply succeeds', async () => {
  const browser = new HttpBrowser()
  const callback = await callbackUrl(browser)
  const asked = issuer.asked.length
  // Redis runs the paused command when the pause ends, so the redemption marker of the login is written later.
  await link.store.call('CLIENT', 'PAUSE', '600000', 'WRITE')

  const refused = await browser.visit(callback, { redirects: 0 })

  expect([refused.status, browser.session, issuer.asked.length]).toEqual([503, undefined, asked])
  await link.store.call('CLIENT', 'UNPAUSE')
  await until('the same callback completes the login', async () => {
    return (await browser.visit(callback, { redirects: 0 })).status === 303
  })
  expect(browser.session).toBeDefined()
  const again = await browser.visit(callback, { redirects: 0 })
  expect(again.status).toBe(400)
})

test('S-099 a back-channel logout works while Redis is out of memory, and a replay of its logout token is rejected', async () => {
  const browser = new HttpBrowser()
  await enter(browser)
  const sent = {
    method: 'POST',
    form: { logout_token: issuer.logoutToken() },
    headers: { accept: '*/*' },
  }
  await link.store.call('CONFIG', 'SET', 'maxmemory', '100kb')

  expect((await browser.visit(`${url}/.gatehouse/backchannel-logout`, sent)).status).toBe(200)
  expect((await browser.visit(`${url}/.gatehouse/backchannel-logout`, sent)).status).toBe(400)
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
})

test('if the revocation for a logout cannot be written to Redis, the gate replies 503, even if Redis has lost the session', async () => {
  const browser = new HttpBrowser()
  await enter(browser)
  const [record] = (await link.store.call('KEYS', `${link.keys.session('').slice(0, -1)}*`)) as [string]
  await link.store.call('DEL', record)
  await link.store.call('CLIENT', 'PAUSE', '10000', 'WRITE')

  const page = await browser.visit(`${url}/.gatehouse/logout`, { headers: { 'sec-fetch-site': 'same-origin' } })

  expect([page.status, browser.session]).toEqual([503, expect.any(String)])
})

test('if a logout cannot be written to Redis, the gate replies 503 with a link to try the logout again', async () => {
  const browser = new HttpBrowser()
  await enter(browser)
  await link.store.call('CLIENT', 'PAUSE', '10000', 'WRITE')

  const page = await browser.visit(`${url}/.gatehouse/logout`, { headers: { 'sec-fetch-site': 'same-origin' } })

  expect([page.status, browser.session]).toEqual([503, expect.any(String)])
  expect(page.body).toContain(`<a href="${url}/.gatehouse/logout">Try again</a>`)
})
