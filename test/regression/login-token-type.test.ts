// If a session cannot use the access token of a login or refresh, the login fails or the session ends. The log states
// the reason.

import { beforeEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { until } from '../kit/until.ts'

const gate = await startCodeGate()
const { url, issuer, enter } = gate
const [node] = gate.nodes

beforeEach(() => {
  issuer.accessToken = undefined
  issuer.accessClaims = {}
  issuer.tokenType = 'Bearer'
  issuer.expiresInS = 300
})

type Wishes = Partial<Pick<typeof issuer, 'accessToken' | 'accessClaims' | 'tokenType'>>

const cnf = { jkt: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs' }
const unusable: [string, Wishes, string][] = [
  ['token_type DPoP', { tokenType: 'DPoP' }, 'token_type `dpop` instead of Bearer'],
  ['token_type mac', { tokenType: 'mac' }, 'token_type `mac` instead of Bearer'],
  ['a token_type with a line feed', { tokenType: 'a\nb' }, 'token_type instead of Bearer'],
  ['a space in the access token', { accessToken: 'two words' }, 'characters that are invalid in a bearer token'],
  [
    'a line break in the access token',
    { accessToken: 'token\r\nx: y' },
    'characters that are invalid in a bearer token',
  ],
  ['a non-ASCII letter in the access token', { accessToken: 'tokén' }, 'characters that are invalid in a bearer token'],
  ['a quote in the access token', { accessToken: '"token"' }, 'characters that are invalid in a bearer token'],
  ['= within the access token', { accessToken: 'to=ken' }, 'characters that are invalid in a bearer token'],
  ['an access token for the gate with cnf', { accessClaims: { cnf } }, 'is bound to a key (cnf)'],
]

test.each(unusable)(
  'a login that returns %s creates no session, and the log states the reason',
  async (_, wishes, problem) => {
    Object.assign(issuer, wishes)
    const browser = new HttpBrowser()
    const since = node!.log.length

    const page = await enter(browser)

    expect([page.status, browser.session]).toEqual([403, undefined])
    expect(page.body).toContain('issued an access token that cannot be used here')
    const line = () => node!.log.slice(since).find(({ msg }) => msg === 'login refused')
    await until('the log has the reason', () => line() !== undefined)
    expect(line()).toMatchObject({
      reason: 'login-token-unusable',
      issuer: 'main',
      problem: expect.stringContaining(problem),
    })
    if (wishes.accessToken !== undefined) expect(JSON.stringify(line())).not.toContain(wishes.accessToken)
  },
)

test.each<[string, Wishes]>([
  ['token_type bearer in lower case', { tokenType: 'bearer' }],
  ['an opaque access token', { accessToken: 'abc-._~+/09==' }],
  ['an access token for another service that is bound to a key', { accessClaims: { aud: 'https://other.test', cnf } }],
])('a login that returns %s creates a session that gives access to pages', async (_, wishes) => {
  Object.assign(issuer, wishes)
  const browser = new HttpBrowser()

  expect((await enter(browser)).status).toBe(200)
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(200)
})

test.each(unusable)('a token refresh that returns %s ends the session and logs why', async (_, wishes, problem) => {
  issuer.expiresInS = 1
  const browser = new HttpBrowser()
  await enter(browser, { redirects: 0 })
  expect(browser.session).toBeDefined()
  Object.assign(issuer, { ...wishes, expiresInS: 300 })
  const since = node!.log.length
  const line = () => node!.log.slice(since).find(({ msg }) => String(msg).startsWith('session ended'))

  let status = 0
  await until('the refresh has ended the session', async () => {
    status = (await browser.visit(`${url}/app/`, { redirects: 0 })).status
    return status === 303
  })

  await until('the log has the reason', () => line() !== undefined)
  expect(line()).toMatchObject({ problem: expect.stringContaining(problem) })
  expect(JSON.stringify(line())).not.toContain(wishes.accessToken ?? 'refresh-')
})
