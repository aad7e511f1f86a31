// Sessions in forward-auth: a check judges the browser's cookie as an exchange would.

import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'

const { url, enter } = await startCodeGate({ settings: { check: { peers: ['127.0.0.0/8'] } } })
const browser = new HttpBrowser()
await enter(browser, { redirects: 0 })

const ask = (who: HttpBrowser, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  who.visit(`${url}${path}`, { method, headers, redirects: 0 })

test('a browser with a session may pass, and the proxy learns who it is and which cookies are for the service', async () => {
  const answer = await ask(browser, '/.gatehouse/check/app/x', {
    cookie: `a=1; gatehouse-loopback=${browser.session}; b=2`,
  })

  expect(answer.status).toBe(200)
  expect(answer.field('x-gatehouse-jwt-assertion')).toMatch(/^eyJ/)
  expect(answer.field('cookie')).toBe('a=1; b=2')
})

test('one without is sent to log in and back to the page, where the proxy hands that on', async () => {
  const answer = await ask(new HttpBrowser(), '/.gatehouse/check/app/x?y=1')

  expect(answer.status).toBe(303)
  expect(answer.field('location')).toBe(`${url}/.gatehouse/login?return_to=%2Fapp%2Fx%3Fy%3D1&issuer=main&refused=none`)
})

test.each(['/oauth2/auth', '/.gatehouse/check?style=nginx'])('nginx, which asks at %s, is told 401', async (path) => {
  const answer = await ask(new HttpBrowser(), path, { 'x-original-method': 'GET', 'x-original-url': `${url}/app/x` })

  expect([answer.status, JSON.parse(answer.body).code]).toEqual([401, 'login_required'])
})

test('what changes something must come from a page of this origin here too', async () => {
  const asked = { 'x-original-method': 'POST', 'x-original-url': `${url}/app/x` }

  expect((await ask(browser, '/oauth2/auth', { ...asked, origin: 'https://evil.test' })).status).toBe(403)
  expect((await ask(browser, '/oauth2/auth', { ...asked, origin: url })).status).toBe(200)
})
