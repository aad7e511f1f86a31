// S-099, S-140: logins and logouts while Redis is out of memory or unavailable.

import { afterEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { until } from '../kit/until.ts'

// Redis is paused in these tests. Its replies are missed after a time that a busy machine does not reach otherwise.
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

test('S-140 a login starts while Redis is out of memory and completes when it has memory again', async () => {
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

test('S-140 a login reply during a Redis outage gets 503 without an issuer call and completes afterwards', async () => {
  const browser = new HttpBrowser()
  const callback = await callbackUrl(browser)
  const asked = issuer.asked.length
  // Redis runs the paused command when the pause ends, so the marker is written later.
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

test('S-099 a back-channel logout works, exactly once, while Redis is out of memory', async () => {
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

test('a logout whose revocation cannot be written gets a 503 page, even if Redis has lost the session', async () => {
  const browser = new HttpBrowser()
  await enter(browser)
  const [record] = (await link.store.call('KEYS', `${link.keys.session('').slice(0, -1)}*`)) as [string]
  await link.store.call('DEL', record)
  await link.store.call('CLIENT', 'PAUSE', '10000', 'WRITE')

  const page = await browser.visit(`${url}/.gatehouse/logout`, { headers: { 'sec-fetch-site': 'same-origin' } })

  expect([page.status, browser.session]).toEqual([503, expect.any(String)])
})

test('a logout that cannot be written fails, and its page links to the logout', async () => {
  const browser = new HttpBrowser()
  await enter(browser)
  await link.store.call('CLIENT', 'PAUSE', '10000', 'WRITE')

  const page = await browser.visit(`${url}/.gatehouse/logout`, { headers: { 'sec-fetch-site': 'same-origin' } })

  expect([page.status, browser.session]).toEqual([503, expect.any(String)])
  expect(page.body).toContain(`<a href="${url}/.gatehouse/logout">Try again</a>`)
})
