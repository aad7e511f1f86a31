// A real issuer that rejects the gate's client, or grants no refresh token: what users, operators and sessions notice.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, startLoginGate } from '../kit/login-gate.ts'
import { loginClient } from '../kit/login-provider.ts'
import { readMetrics } from '../kit/metrics.ts'
import { until } from '../kit/until.ts'

const SESSIONS = 50
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-login-diagnostics-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'secret')
const known = (secret: string) => writeFileSync(file, secret, { mode: 0o600 })
known(loginClient.secret)
const gate = await startLoginGate({
  login: { client_secret: { file }, scopes: ['openid', 'offline_access'], parameters: { ui_locales: 'de' } },
})
const { url, provider, node } = gate

beforeEach(() => {
  Object.assign(provider, { accessTokenS: 300, refreshTokens: true })
})

afterEach(async () => {
  known(loginClient.secret)
  await provider.rotateSecret(loginClient.secret)
})

const lines = (message: string) => node.log.filter(({ msg }) => msg === message)
const statusOf = async (browser: HttpBrowser) => (await browser.visit(`${url}/app/`, { redirects: 0 })).status

test('a login with a wrong client secret of the gate ends on a page that offers no new login, and the log has the remedy', async () => {
  await provider.rotateSecret('another-secret-of-the-issuer')
  const browser = new HttpBrowser()

  const page = await logIn(browser, `${url}/app/`)

  expect([page.status, browser.session]).toEqual([503, undefined])
  expect(page.body).toContain('Logging in does not work here')
  expect(page.body).not.toMatch(/<a |try again/i)
  await until('the log line', () => lines('login refused').length > 0)
  const { reason, problem } = lines('login refused').at(-1)!
  expect(reason).toBe('login-misconfigured')
  expect(problem).toContain('(invalid_client: client authentication failed)')
  expect(problem).toContain(`compare issuers.main.login.client_id, client_auth and client_secret (${file})`)
  expect(JSON.stringify(node.log)).not.toContain(loginClient.secret)
})

test('the metrics count the steps of logins by issuer and outcome', async () => {
  const before = await readMetrics(node.adminPort)
  await logIn(new HttpBrowser(), `${url}/app/`)
  await provider.rotateSecret('another-secret-of-the-issuer')
  await logIn(new HttpBrowser(), `${url}/app/`)
  const after = await readMetrics(node.adminPort)
  const grown = (outcome: string) => {
    const labels = { issuer: 'main', outcome }
    return after.sum('gatehouse_logins_total', labels) - before.sum('gatehouse_logins_total', labels)
  }

  expect(before.series.filter((each) => each.startsWith('gatehouse_logins_total'))).toHaveLength(5)
  expect(['begun', 'done', 'misconfigured', 'refused', 'unavailable'].map(grown)).toEqual([2, 1, 1, 0, 0])
})

test('none of 50 sessions is lost when the client secret is rotated at the issuer before the gate knows the new secret', async () => {
  provider.accessTokenS = 1
  const browsers = Array.from({ length: SESSIONS }, () => new HttpBrowser())
  for (const browser of browsers) await logIn(browser, `${url}/.gatehouse/login?return_to=/public/`)
  await provider.rotateSecret('the-rotated-secret-of-the-issuer')
  await until('no session can be refreshed', async () => {
    const statuses = await Promise.all(browsers.map(statusOf))
    expect(statuses).not.toContain(303)
    return statuses.every((status) => status === 503)
  })

  provider.accessTokenS = 300
  known('the-rotated-secret-of-the-issuer')
  await Promise.all(
    browsers.map((browser) => until('the session continues', async () => (await statusOf(browser)) === 200)),
  )
})

test('an issuer that gives no refresh tokens causes one warning, and the session view shows the real end of the session', async () => {
  Object.assign(provider, { accessTokenS: 200, refreshTokens: false })
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/`)
  await logIn(new HttpBrowser(), `${url}/app/`, 'bob')

  const session = JSON.parse((await browser.visit(`${url}/.gatehouse/session`)).body)
  expect(Date.parse(session.expires_at) - Date.now()).toBeLessThanOrEqual(200_000)
  const warning = 'the issuer grants no refresh token: sessions end with their access tokens'
  await until('the warning', () => lines(warning).length > 0)
  expect(lines(warning)).toMatchObject([
    {
      level: 'warn',
      issuer: 'main',
      problem: expect.stringContaining('allow refresh tokens for this client at the issuer'),
    },
  ])
})

test('the authorization request of a login contains the additional parameters of the policy', async () => {
  const page = await new HttpBrowser().visit(`${url}/.gatehouse/login`, { redirects: 0 })

  expect(new URL(page.field('location')!).searchParams.get('ui_locales')).toBe('de')
})
