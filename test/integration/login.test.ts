// A browser logs in at a real issuer and calls the services behind the gate with one opaque session cookie.

import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, startLoginGate } from '../kit/login-gate.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'

const gate = await startLoginGate()
const { url, provider, orders, reports } = gate

test('a browser without a session is redirected to the login, and after the login returns to the requested page and query', async () => {
  const browser = new HttpBrowser()

  const page = await logIn(browser, `${url}/app/mine?x=//evil&y=%20`)

  expect([page.status, page.url]).toEqual([200, `${url}/app/mine?x=//evil&y=%20`])
  const [arrived] = orders.requests.slice(-1)
  expect(arrived?.url).toBe('/app/mine?x=//evil&y=%20')
  expect(arrived?.all('cookie').join()).not.toContain('gatehouse')
  const assertion = decodeJwt(arrived!.all('x-gatehouse-jwt-assertion')[0]!)
  expect(assertion).toMatchObject({
    sub: 'alice',
    client_id: 'web',
    scope: 'orders:read',
    acr: 'urn:plain',
    token_issuer: provider.url,
  })
  expect(assertion['sid']).toMatch(/^[0-9a-f]{32}$/)
  expect(provider.failures).toEqual([])
})

test('one login session is valid for several services, and each service receives the credential that the policy states for it', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/`)

  const page = await browser.visit(`${url}/reports/`)

  expect([page.status, page.url]).toEqual([200, `${url}/reports/`])
  const [authorization] = reports.requests.at(-1)!.all('authorization')
  expect(decodeJwt(authorization!.replace('Bearer ', '')).sub).toBe('alice')
})

test('a logout at the issuer ends the session at the gate', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/`)

  const form = await browser.visit(`${provider.url}/session/end`)
  await browser.submit(form, { logout: 'yes' })

  expect(provider.failures).toEqual([])
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
})

test('the audit records of login, exchange and logout have the user, the issuer and the same session id', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/mine`, 'bob')
  await browser.visit(`${url}/.gatehouse/logout`, { method: 'POST', headers: { origin: url }, redirects: 0 })
  const link = await testLink(redisSettingsFor(gate.redisPort))
  const ofBob = (record: AuditRecord) => record['user.id'] === 'bob'
  const records = await auditRecords(link, (record) => ofBob(record) && record['gatehouse.reason'] === 'logged-out')

  const [loggedIn, exchange, loggedOut] = records.filter(ofBob)
  expect([loggedIn, exchange, loggedOut].map((record) => record?.['gatehouse.reason'])).toEqual([
    'logged-in',
    'admitted',
    'logged-out',
  ])
  expect(loggedIn?.['session.id']).toMatch(/^[0-9a-f]{32}$/)
  for (const record of [exchange, loggedOut]) expect(record?.['session.id']).toBe(loggedIn?.['session.id'])
  for (const record of [loggedIn, exchange, loggedOut]) expect(record?.['gatehouse.issuer']).toBe(provider.url)
})
