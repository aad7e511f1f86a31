// S-099, S-140: logins and logouts where Redis has no memory left, or does not answer.

import { afterEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'

const gate = await startCodeGate()
const { url, issuer, enter } = gate
const link = await testLink(redisSettingsFor(gate.redisPort))

afterEach(async () => {
  await link.store.call('CLIENT', 'UNPAUSE')
  await link.store.call('CONFIG', 'SET', 'maxmemory', '0')
})

test('S-140 a login that cannot begin is a page, whose link leads where this one did', async () => {
  const asked = `${url}/.gatehouse/login?return_to=%2Fapp%2Fx%3Fa%3D1&issuer=main`
  await link.store.call('CONFIG', 'SET', 'maxmemory', '100kb')

  const page = await new HttpBrowser().visit(asked, { redirects: 0 })

  expect(page.status).toBe(503)
  expect(page.body).toContain(`<a href="${asked.replaceAll('&', '&#38;')}">Try again</a>`)
})

test('S-099 the issuer can log somebody out all the same, and once', async () => {
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

test('a logout that cannot be told to all is none, and its page leads to the logout', async () => {
  const browser = new HttpBrowser()
  await enter(browser)
  await link.store.call('CLIENT', 'PAUSE', '10000', 'WRITE')

  const page = await browser.visit(`${url}/.gatehouse/logout`, { headers: { 'sec-fetch-site': 'same-origin' } })

  expect([page.status, browser.session]).toEqual([503, expect.any(String)])
  expect(page.body).toContain(`<a href="${url}/.gatehouse/logout">Try again</a>`)
})
