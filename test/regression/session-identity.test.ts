// The claims of a session are claims about its user: tokens of two users, an e-mail address with the verification of
// another one, and a UserInfo response about another user are not used.

import { beforeEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { until } from '../kit/until.ts'

const gate = await startCodeGate({
  login: { claims_max_age: '1s', session_claims: ['email', 'email_verified', 'groups'] },
})
const { url, issuer, enter } = gate
const [node] = gate.nodes
// Set before the first login, because the gate keeps the metadata.
issuer.userInfo = {}

beforeEach(() => {
  Object.assign(issuer, { accessClaims: {}, idToken: {}, expiresInS: 300, userInfo: { sub: 'alice' } })
})

async function claimsOf(browser: HttpBrowser): Promise<Record<string, unknown>> {
  return JSON.parse((await browser.visit(`${url}/.gatehouse/session`)).body).claims
}

async function problemsSince(since: number, message: string): Promise<readonly unknown[]> {
  const lines = () => node!.log.slice(since).filter(({ msg }) => msg === message)
  await until(`the log line "${message}"`, () => lines().length > 0)
  return lines().map(({ problem }) => problem)
}

test.each([
  ['of another user', { sub: 'mallory' }, 'its sub is not that of the ID token'],
  ['without sub', { sub: undefined }, 'its sub is not that of the ID token'],
  ['of another issuer', { iss: 'https://other.test' }, 'its iss is not that of the ID token'],
])('a login with an access token for the gate that is %s creates no session', async (_, accessClaims, problem) => {
  issuer.accessClaims = accessClaims
  const browser = new HttpBrowser()
  const since = node!.log.length

  expect((await enter(browser)).status).toBe(403)
  expect(browser.session).toBeUndefined()
  expect(await problemsSince(since, 'login refused')).toEqual([expect.stringContaining(problem)])
})

test('an access token that is of another user and for another service does not prevent the login', async () => {
  issuer.accessClaims = { aud: 'https://graph.test', sub: 'an-id-for-the-other-service', email: 'mallory@evil.test' }
  const browser = new HttpBrowser()

  expect((await enter(browser)).status).toBe(200)
  expect(await claimsOf(browser)).toEqual({})
})

test('a refresh that returns an access token for the gate of another user ends the session', async () => {
  issuer.expiresInS = 1
  const browser = new HttpBrowser()
  await enter(browser)
  Object.assign(issuer, { expiresInS: 300, accessClaims: { sub: 'mallory' } })

  await until('the session has ended', async () => {
    return (await browser.visit(`${url}/app/`, { redirects: 0 })).status === 303
  })
})

const id = { email: 'id@people.test', email_verified: true }

test.each([
  ['the access token has an address without a verification', { email: 'at@people.test' }, { email: 'at@people.test' }],
  [
    'the access token has both',
    { email: 'at@people.test', email_verified: false },
    { email: 'at@people.test', email_verified: false },
  ],
  ['the access token has only a verification', { email_verified: false }, id],
  ['the access token has neither', {}, id],
])(
  'the e-mail address and email_verified of a session come from the same token when %s',
  async (_, accessClaims, expected) => {
    Object.assign(issuer, { accessClaims, idToken: { claims: id } })
    const browser = new HttpBrowser()
    await enter(browser)

    expect(await claimsOf(browser)).toEqual(expected)
  },
)

test('a UserInfo response about another user is not used, and the previous claims are not used either', async () => {
  Object.assign(issuer, { idToken: { claims: { groups: ['staff'] } }, accessClaims: { aud: 'https://graph.test' } })
  const browser = new HttpBrowser()
  await enter(browser)
  Object.assign(issuer, { idToken: undefined, userInfo: { sub: 'mallory', groups: ['staff', 'admin'] } })
  const since = node!.log.length

  await until('the groups are gone', async () => (await claimsOf(browser))['groups'] === undefined)

  const [problem] = await problemsSince(
    since,
    'the claims about the user were not renewed; claims older than login.claims_max_age are not used',
  )
  expect(problem).toBe('sub of the UserInfo response is missing or that of another user')
})

test('if the issuer sends the ID token of the login again at refreshes, the claims of the session do not count as renewed', async () => {
  const issuedAtS = Math.floor(Date.now() / 1000)
  const claims = { groups: ['staff'], iat: issuedAtS }
  Object.assign(issuer, { idToken: { claims }, accessClaims: { aud: 'https://graph.test' } })
  const browser = new HttpBrowser()
  await enter(browser)
  issuer.userInfo = { sub: 'alice', groups: ['other'] }

  await until('the groups of UserInfo', async () => JSON.stringify(await claimsOf(browser)).includes('other'))
})
