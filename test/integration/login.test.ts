// A browser logs in at a real issuer, and reaches the services behind the gate with one opaque cookie.

import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, startLoginGate } from '../kit/login-gate.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'

const gate = await startLoginGate()
const { url, provider, orders, reports } = gate

test('a browser that opens a page is sent to log in, and comes back to that page', async () => {
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

test('one login reaches every service, and each gets the credential that its policy names', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/`)

  const page = await browser.visit(`${url}/reports/`)

  expect([page.status, page.url]).toEqual([200, `${url}/reports/`])
  const [authorization] = reports.requests.at(-1)!.all('authorization')
  expect(decodeJwt(authorization!.replace('Bearer ', '')).sub).toBe('alice')
})

test('a logout at the issuer ends the session here', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/`)

  const asked = await browser.visit(`${provider.url}/session/end`)
  await browser.submit(asked, { logout: 'yes' })

  expect(provider.failures).toEqual([])
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
})

test('the audit records of a login and of a logout say whose session it was', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/mine`, 'bob')
  await browser.visit(`${url}/.gatehouse/logout`, { method: 'POST', headers: { origin: url }, redirects: 0 })
  const link = await testLink(redisSettingsFor(gate.redisPort))
  const ofBob = (record: AuditRecord) => record['user.id'] === 'bob'
  const records = await auditRecords(link, (record) => ofBob(record) && record['gatehouse.reason'] === 'logged-out')

  const [begun, used, ended] = records.filter(ofBob)
  expect([begun, used, ended].map((record) => record?.['gatehouse.reason'])).toEqual([
    'logged-in',
    'admitted',
    'logged-out',
  ])
  expect(begun?.['session.id']).toMatch(/^[0-9a-f]{32}$/)
  for (const record of [used, ended]) expect(record?.['session.id']).toBe(begun?.['session.id'])
  for (const record of [begun, used, ended]) expect(record?.['gatehouse.issuer']).toBe(provider.url)
})
