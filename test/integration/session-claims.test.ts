// A user who is removed from a group at a real issuer loses access within login.claims_max_age.

import { beforeEach, expect, test } from 'vitest'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, loginSecrets, startLoginGate } from '../kit/login-gate.ts'
import { runVerb } from '../kit/run-verb.ts'
import { until } from '../kit/until.ts'

const staff = { all: [{ session: 'main' }, { claims: { groups: { any: ['staff'] } } }] }
const unblocked = { all: [{ session: 'main' }, { not: { claims: { groups: { any: ['blocked'] } } } }] }
const { url, provider, node } = await startLoginGate({
  login: {
    scopes: ['openid', 'profile', 'email', 'groups', 'offline_access', 'orders:read'],
    claims_max_age: '1s',
    session_claims: ['email', 'groups'],
  },
  settings: { admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'TEST_ENCRYPTION_KEY' } } },
  routes: [
    { id: 'staff', match: { path: '/staff/**' }, require: staff },
    { id: 'unblocked', match: { path: '/unblocked/**' }, require: unblocked },
  ],
})

beforeEach(() => {
  Object.assign(provider, {
    groups: { alice: ['staff'] },
    forGate: false,
    idTokenAtRefresh: true,
    refreshTokens: true,
    down: false,
  })
})

async function statusOf(browser: HttpBrowser, path = '/staff/'): Promise<number> {
  return (await browser.visit(url + path, { redirects: 0 })).status
}

const becomes = (browser: HttpBrowser, status: number, path?: string) =>
  until(`status ${status}`, async () => (await statusOf(browser, path)) === status)

/** Waits until the gate has asked the issuer `times` more times. */
async function asked(browser: HttpBrowser, endpoint: string, times: number): Promise<void> {
  const count = () => provider.requests.filter((each) => each === endpoint).length
  const before = count()
  await until(`${times} requests to ${endpoint}`, async () => {
    expect(await statusOf(browser)).toBe(200)
    return count() >= before + times
  })
}

const cases = [
  { of: 'with an ID token at each refresh', endpoint: 'POST /token', with: {} },
  { of: 'without an ID token at refreshes, by UserInfo', endpoint: 'GET /me', with: { idTokenAtRefresh: false } },
  { of: 'without a refresh token, by UserInfo', endpoint: 'GET /me', with: { refreshTokens: false } },
  {
    of: 'with an access token for the gate and ID tokens at refresh',
    endpoint: 'POST /token',
    with: { forGate: true },
  },
]

test.each(cases)(
  'a user has access while in a required group, and loses access after being removed from the group: $of',
  async (wishes) => {
    Object.assign(provider, wishes.with)
    const browser = new HttpBrowser()
    expect((await logIn(browser, `${url}/staff/`)).status).toBe(200)
    await asked(browser, wishes.endpoint, 2)

    provider.groups = {}
    await becomes(browser, 403)

    provider.groups = { alice: ['staff'] }
    await becomes(browser, 200)
    expect(node.log.filter(({ level }) => level === 'error')).toEqual([])
  },
)

test('if the issuer gives no newer claims about a user, the session meets no requirement that uses these claims, also under `not`', async () => {
  Object.assign(provider, { forGate: true, idTokenAtRefresh: false })
  const browser = new HttpBrowser()
  expect((await logIn(browser, `${url}/unblocked/`)).status).toBe(200)

  await becomes(browser, 403, '/unblocked/')
  expect(await statusOf(browser)).toBe(403)
  expect(await statusOf(browser, '/app/')).toBe(200)
})

test('a request that needs newer claims about the user gets 503 while the issuer is unavailable, and requests that need none continue', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/staff/`)
  provider.down = true

  await becomes(browser, 503)
  expect(await statusOf(browser, '/app/')).toBe(200)

  provider.down = false
  await becomes(browser, 200)
})

test.each([true, false])(
  'the page /.gatehouse/session shows the groups on which the policy decides (access token for the gate: %s)',
  async (forGate) => {
    Object.assign(provider, { forGate, groups: { alice: ['staff', 'other'] } })
    const browser = new HttpBrowser()
    await logIn(browser, `${url}/staff/`)
    const claims = async () => JSON.parse((await browser.visit(`${url}/.gatehouse/session`)).body).claims

    expect(await claims()).toEqual({ email: 'alice@people.test', groups: ['staff', 'other'] })

    provider.groups = {}
    await until('the document has no groups', async () => (await claims()).groups === undefined)
    expect(await statusOf(browser)).toBe(403)
  },
)

test('20 concurrent requests that need newer claims about the user cause one UserInfo request', async () => {
  Object.assign(provider, { refreshTokens: false })
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/staff/`)
  const asks = () => provider.requests.filter((each) => each === 'GET /me').length
  provider.userInfoDelayMs = 200
  const before = asks()
  let statuses: number[] = []
  await until('a UserInfo request', async () => {
    statuses = await Promise.all(Array.from({ length: 20 }, () => statusOf(browser)))
    return asks() > before
  })
  provider.userInfoDelayMs = 0

  expect(new Set(statuses)).toEqual(new Set([200]))
  expect(asks() - before).toBe(1)
})

test('a request that needs no claims of the user never asks the issuer for them', async () => {
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/app/`)
  const staffBrowser = new HttpBrowser()
  await logIn(staffBrowser, `${url}/staff/`)
  const asks = () => provider.requests.filter((each) => each === 'POST /token' || each === 'GET /me').length
  await asked(staffBrowser, 'POST /token', 1)
  const before = asks()

  for (let i = 0; i < 20; i++) expect(await statusOf(browser, '/app/')).toBe(200)
  expect(asks()).toBe(before)
})

test('`gatehouse explain` accepts the id of a session, and shows its user, its claims and the result of the requirement', async () => {
  provider.groups = { bob: ['staff'] }
  const browser = new HttpBrowser()
  await logIn(browser, `${url}/staff/`, 'bob')
  const admin = `http://127.0.0.1:${node.adminPort}`
  const env = { GATEHOUSE_ADMIN_URL: admin, GATEHOUSE_ADMIN_TOKEN: loginSecrets.TEST_ENCRYPTION_KEY }
  const run = (...words: string[]) => runVerb(words, env)
  const listed = await run('sessions', 'list', '--subject', 'bob', '--output', 'json')
  const [{ session }] = JSON.parse(listed.stdout).sessions

  const admitted = await run('explain', 'GET', `${url}/staff/`, '--session', session, '--output', 'json')
  const explanation = JSON.parse(admitted.stdout)
  expect(explanation).toMatchObject({
    decision: 'admitted',
    token: null,
    requirement: { met: true },
    session: { id: session, subject: 'bob', claims: ['email', 'email_verified', 'groups', 'name'] },
  })
  provider.groups = {}
  await becomes(browser, 403)
  const refused = await run('explain', 'GET', `${url}/staff/`, '--session', session)
  expect(refused.stdout).toContain('403 forbidden, claim-mismatch')
  expect(refused.stdout).toContain(`${session}, ends at`)
})
