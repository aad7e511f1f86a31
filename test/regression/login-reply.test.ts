// S-087, S-089 to S-093, S-102: login replies of an issuer that create a session, and login replies that must not
// create one.

import { beforeEach, expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser, type Page } from '../kit/http-browser.ts'
import { hugeNumber, sharedSecret, signingKey, unsigned } from '../kit/signing-key.ts'

const gate = await startCodeGate()
const { url, callback, issuer, enter } = gate

beforeEach(() => {
  issuer.expiresInS = 300
  issuer.idToken = {}
  issuer.accessToken = undefined
  issuer.failure = undefined
})

/** Expects no session, and an error page with a strict CSP that cannot be framed or cached and shows no internals. */
function expectFailure(page: Page, browser: HttpBrowser, status: number): void {
  expect([page.status, browser.session]).toEqual([status, undefined])
  const policy = page.field('content-security-policy')
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(page.field('cache-control')).toBe('no-store')
  expect(page.body).not.toMatch(/ at .*\.ts|node_modules/)
}

test('S-092 the gate creates a session from a valid ID token', async () => {
  const browser = new HttpBrowser()

  const page = await enter(browser)

  expect([page.status, page.url]).toEqual([200, `${url}/app/`])
  expect(browser.gateCookies).toHaveLength(1)
})

test.each([
  ['another nonce', { claims: { nonce: 'other' } }],
  ['no nonce', { claims: { nonce: undefined } }],
  ['an aud list without azp', { claims: { aud: ['web', 'other'] } }],
  ['the azp of another client in an aud list of two', { claims: { aud: ['web', 'other'], azp: 'other' } }],
  ['the azp of another client and a single aud', { claims: { azp: 'other' } }],
  ['the azp of another client and an aud list of one', { claims: { aud: ['web'], azp: 'other' } }],
  ['an azp that is not a string', { claims: { azp: ['web'] } }],
  ['an iat an hour ahead', { claims: { iat: Math.floor(Date.now() / 1000) + 3600 } }],
  ['an iat in milliseconds', { claims: { iat: Date.now() } }],
  ['an iat that is not a finite number', { claims: { iat: hugeNumber } }],
  ['an exp that is not a finite number', { claims: { exp: hugeNumber } }],
  ['the typ of an access token', { header: { typ: 'at+jwt' } }],
  ['the typ of an access token as media type', { header: { typ: 'application/AT+JWT' } }],
  ['the typ of a logout token', { header: { typ: 'logout+jwt' } }],
  ['the typ of a security event token', { header: { typ: 'secevent+jwt' } }],
  ['the typ of a DPoP proof', { header: { typ: 'dpop+jwt' } }],
  ['a typ that is not a string', { header: { typ: 7 } }],
  ['the claim typ of an access token of Keycloak', { claims: { typ: 'Bearer' } }],
  ['the claim typ of a refresh token of Keycloak', { claims: { typ: 'Refresh' } }],
  ['the claim token_use of an access token of Cognito', { claims: { token_use: 'access' } }],
  ['the claim events', { claims: { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } } }],
  ['the aud of another client', { claims: { aud: 'other' } }],
  ['another at_hash', { claims: { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' } }],
  ['another iss', { claims: { iss: 'https://evil.test' } }],
  ['an exp in the past', { claims: { exp: 1 } }],
  ['no sub', { claims: { sub: undefined } }],
  ['an empty sub', { claims: { sub: '' } }],
  ['a lone surrogate as sub', { claims: { sub: '\ud800' } }],
  ['a line feed in sub', { claims: { sub: 'alice\n' } }],
  ['a sid that is not a string', { claims: { sid: 7 } }],
  ['NUL in sid', { claims: { sid: 'sid\0' } }],
  ['a signature of a foreign key', { key: signingKey('ES256') }],
  ['a signature of a foreign key under the kid of the issuer', { key: signingKey('ES256', issuer.key.kid) }],
  ['no signature', { key: unsigned }],
  ['an HMAC of the client secret', { key: sharedSecret('web-secret-for-tests-only') }],
])('S-092 the gate creates no session from an ID token with %s', async (_, wishes) => {
  issuer.idToken = wishes
  const browser = new HttpBrowser()

  expectFailure(await enter(browser), browser, 403)
})

test.each([
  ['the azp of the gate', { claims: { azp: 'web' } }],
  ['the azp of the gate and an aud list of two', { claims: { aud: ['web', 'other'], azp: 'web' } }],
  ['an iat 2 s ahead', { claims: { iat: Math.floor(Date.now() / 1000) + 2 } }],
  ['the typ JWT', { header: { typ: 'JWT' } }],
  ['the typ of an ID token', { header: { typ: 'id_token+jwt' } }],
  ['the claim typ of an ID token of Keycloak', { claims: { typ: 'ID' } }],
  ['the claim token_use of an ID token of Cognito', { claims: { token_use: 'id' } }],
])('S-092 the gate creates a session from an ID token with %s', async (_, wishes) => {
  issuer.idToken = wishes
  const browser = new HttpBrowser()

  const page = await enter(browser)

  expect([page.status, page.url]).toEqual([200, `${url}/app/`])
})

test('S-092 the gate creates no session from a token reply without an ID token', async () => {
  issuer.idToken = undefined
  const browser = new HttpBrowser()

  expectFailure(await enter(browser), browser, 403)
})

test.each([
  ['missing', { iss: undefined }],
  ['that of another issuer', { iss: 'https://evil.test' }],
])('S-091 the gate rejects a login reply whose iss is %s before it exchanges the code', async (_, reply) => {
  const browser = new HttpBrowser()
  const asked = issuer.asked.length

  expectFailure(await enter(browser, { reply }), browser, 403)
  expect(issuer.asked.length).toBe(asked)
})

test.each(['iss', 'code', 'state'])(
  'S-091 the gate rejects a login reply with a duplicate %s before it exchanges the code',
  async (name) => {
    const browser = new HttpBrowser()
    const asked = issuer.asked.length
    const start = await browser.visit(`${url}/.gatehouse/login`, { redirects: 0 })
    const { state } = issuer.pending(start.field('location')!)
    const query = new URLSearchParams({ code: 'c', state, iss: issuer.url })
    query.append(name, query.get(name)!)

    const page = await browser.visit(`${callback}?${query}`)

    expectFailure(page, browser, name === 'state' ? 400 : 403)
    expect(issuer.asked.length).toBe(asked)
  },
)

test.each([
  ['of invalid form', 'nonsense'],
  ['of valid form that the gate did not issue', 'A'.repeat(400)],
  ['of 8 kB', 'A'.repeat(8000)],
])('S-090 the gate creates no session from a login reply with a state %s', async (_, state) => {
  const browser = new HttpBrowser()

  expectFailure(await enter(browser, { reply: { state } }), browser, 400)
})

test('S-090 the gate accepts a login reply only once', async () => {
  const browser = new HttpBrowser()
  const start = await browser.visit(`${url}/.gatehouse/login`, { redirects: 0 })
  const { state } = issuer.pending(start.field('location')!)
  const reply = `${callback}?${new URLSearchParams({ code: 'c', state, iss: issuer.url })}`
  await browser.visit(reply)
  const { session } = browser

  const again = await browser.visit(reply)

  expect(again.status).toBe(400)
  expect(browser.session).toBe(session)
  const other = new HttpBrowser()
  expectFailure(await other.visit(reply), other, 400)
})

test('S-089 the reply to a login that another browser started creates no session, whether or not this browser has started a login itself', async () => {
  for (const started of [false, true]) {
    const attacker = new HttpBrowser()
    const start = await attacker.visit(`${url}/.gatehouse/login`, { redirects: 0 })
    const { state } = issuer.pending(start.field('location')!)
    const victim = new HttpBrowser()
    if (started) await victim.visit(`${url}/.gatehouse/login`, { redirects: 0 })
    const asked = issuer.asked.length

    const page = await victim.visit(`${callback}?${new URLSearchParams({ code: 'c', state, iss: issuer.url })}`)

    expectFailure(page, victim, 400)
    expect(issuer.asked.length).toBe(asked)
  }
})

test('a login with five acr_values requests all of them, and the gate accepts an ID token with the last one', async () => {
  const classes = ['Smartcard', 'X509', 'MobileTwoFactorContract', 'PasswordProtectedTransport', 'Kerberos'].map(
    (name) => `urn:oasis:names:tc:SAML:2.0:ac:classes:${name}`,
  )
  const browser = new HttpBrowser()
  const query = new URLSearchParams({ acr_values: classes.join(' '), return_to: '/app/' })
  const start = await browser.visit(`${url}/.gatehouse/login?${query}`, { redirects: 0 })
  const { state, parameters } = issuer.pending(start.field('location')!)
  issuer.idToken = { claims: { acr: classes.at(-1) } }

  const page = await browser.visit(`${callback}?${new URLSearchParams({ code: 'c', state, iss: issuer.url })}`)

  expect(parameters.get('acr_values')).toBe(classes.join(' '))
  expect([page.status, page.url]).toEqual([200, `${url}/app/`])
})

test('S-090 a login started at /oauth2/start cannot complete at the other redirect URI, /.gatehouse/callback', async () => {
  const browser = new HttpBrowser()
  const start = await browser.visit(`${url}/oauth2/start`, { redirects: 0 })
  const { state, parameters } = issuer.pending(start.field('location')!)
  expect(parameters.get('redirect_uri')).toBe(`${url}/oauth2/callback`)

  expectFailure(
    await browser.visit(`${callback}?${new URLSearchParams({ code: 'c', state, iss: issuer.url })}`),
    browser,
    400,
  )
})

test('S-090 five logins that start together and finish in reverse order return to their own pages with one session', async () => {
  const browser = new HttpBrowser()
  const tabs = await Promise.all(
    [1, 2, 3, 4, 5].map(async (n) => {
      const start = await browser.visit(`${url}/.gatehouse/login?return_to=/app/${n}`, { redirects: 0 })
      return { n, ...issuer.pending(start.field('location')!) }
    }),
  )
  const sessions = new Set<string | undefined>()
  for (const { n, state, nonce } of tabs.reverse()) {
    issuer.nonce = nonce
    const page = await browser.visit(`${callback}?${new URLSearchParams({ code: 'c', state, iss: issuer.url })}`)
    expect([page.status, page.url]).toEqual([200, `${url}/app/${n}`])
    sessions.add(browser.session)
  }

  expect(sessions.size).toBe(1)
})

test('S-090 a browser with 32 unfinished logins keeps 32 login cookies when another login starts, and the newest can complete', async () => {
  const browser = new HttpBrowser()
  const tabs = await Promise.all(
    Array.from({ length: 32 }, async (_, n) => {
      const start = await browser.visit(`${url}/.gatehouse/login?return_to=/app/${n}`, { redirects: 0 })
      return { n, ...issuer.pending(start.field('location')!) }
    }),
  )
  await browser.visit(`${url}/.gatehouse/login`, { redirects: 0 })
  expect(browser.gateCookies).toHaveLength(32)
  // With a lower limit of login cookies, the gate would first have removed the cookie of the newest login.
  const last = tabs.at(-1)!
  issuer.nonce = last.nonce

  const reply = new URLSearchParams({ code: 'c', state: last.state, iss: issuer.url })
  const page = await browser.visit(`${callback}?${reply}`)

  expect([page.status, page.url]).toEqual([200, `${url}/app/${last.n}`])
})

test('S-093 the gate escapes the error text of the issuer, on a page that cannot be framed', async () => {
  const browser = new HttpBrowser()

  const page = await enter(browser, {
    reply: { code: undefined, error: 'access_denied', error_description: '<script>alert(1)</script>" onload="x' },
  })

  expectFailure(page, browser, 403)
  expect(page.body).not.toContain('<script')
  expect(page.body).toContain('alert(1)')
})

test('S-092 the gate creates no session when the issuer rejects or fails the token request', async () => {
  const browser = new HttpBrowser()
  issuer.failure = { status: 400, body: '{"error":"invalid_grant"}' }
  expectFailure(await enter(browser), browser, 403)

  issuer.failure = { status: 500, body: '{}' }
  const page = await enter(browser)

  expectFailure(page, browser, 503)
  expect(page.field('retry-after')).toBeDefined()
})

test('a login whose claims are larger than the session limit creates no session and shows an error page', async () => {
  issuer.idToken = { claims: { groups: Array.from({ length: 4000 }, (_, i) => `group-${i}`) } }
  const browser = new HttpBrowser()

  expectFailure(await enter(browser), browser, 403)
})

test('the gate refreshes an access token without expires_in when the exp claim of the token has passed', async () => {
  issuer.expiresInS = undefined
  const nowS = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer.url, sub: 'alice', client_id: 'web', aud: 'https://api.test', iat: nowS - 60, exp: nowS }
  issuer.accessToken = issuer.signJwt(claims, { typ: 'at+jwt' })
  const browser = new HttpBrowser()
  await enter(browser, { redirects: 0 })
  issuer.accessToken = undefined

  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(200)
  expect(issuer.asked.at(-1)!.get('grant_type')).toBe('refresh_token')
})

test('S-087 a login creates a new session id, and the gate rejects the previous session id', async () => {
  const browser = new HttpBrowser()
  browser.session = 'chosen-by-an-attacker'
  await enter(browser)
  const first = browser.session!
  expect(first).not.toBe('chosen-by-an-attacker')

  await enter(browser)

  expect(browser.session).not.toBe(first)
  const old = new HttpBrowser()
  old.session = first
  const page = await old.visit(`${url}/app/`, { redirects: 0 })
  expect(page.status).toBe(303)
})

test('S-102 a login start does not clear an invalid session cookie, which another tab may have set; the login replaces it', async () => {
  const browser = new HttpBrowser()
  browser.session = 'stale'

  const start = await browser.visit(`${url}/.gatehouse/login`, { redirects: 0 })
  expect(start.field('set-cookie')).not.toMatch(/gatehouse-loopback=/)
  await enter(browser)

  expect(browser.session).not.toBe('stale')
  expect((await browser.visit(`${url}/app/`, { redirects: 0 })).status).toBe(200)
})

test.each([
  ['an image', 403, 'image'],
  ['a script', 403, 'script'],
  ['a frame', 403, 'iframe'],
  ['a link', 303, 'document'],
])('S-140 a cross-site request for the login by %s gets the status %i', async (_, status, dest) => {
  const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': dest }
  const browser = new HttpBrowser()

  const page = await browser.visit(`${url}/.gatehouse/login`, { redirects: 0, headers })

  expect([page.status, browser.gateCookies.length]).toEqual([status, status === 303 ? 1 : 0])
})

test.each([
  ['an image', 403, { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'image' }],
  ['a frame', 403, { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe' }],
  ['a link', 400, { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' }],
  [
    'a redirect in a frame of the same site, with a login cookie,',
    400,
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe', cookie: 'gatehouse-loopback-login-abcd=x' },
  ],
  [
    'an image on another host of the same site, with a login cookie,',
    403,
    { 'sec-fetch-site': 'same-site', 'sec-fetch-dest': 'image', cookie: 'gatehouse-loopback-login-abcd=x' },
  ],
])(
  'S-160 an invalid login reply that another site makes a browser send by %s gets the status %i',
  async (_, status, headers) => {
    const page = await new HttpBrowser().visit(`${url}/.gatehouse/callback?state=x&code=y`, { headers })

    expect(page.status).toBe(status)
  },
)

test('a browser with a hundred unfinished logins has one cookie of the gate, shorter than 200 characters', async () => {
  const browser = new HttpBrowser()
  for (let i = 0; i < 100; i++) await browser.visit(`${url}/.gatehouse/login?return_to=/app/${i}`, { redirects: 0 })

  expect(browser.gateCookies).toHaveLength(1)
  expect(browser.gateCookies.join().length).toBeLessThan(200)

  await enter(browser)

  expect(browser.gateCookies).toHaveLength(1)
  expect(browser.gateCookies.join().length).toBeLessThan(200)
})

test('the log of a node contains no token, code or cookie value of a login', async () => {
  const browser = new HttpBrowser()
  await enter(browser, { reply: { code: 'a-very-secret-code' } })
  await gate.nodes[0]!.waitForRecord(({ reason }) => reason === 'logged-in')
  const log = JSON.stringify(gate.nodes[0]!.log)

  expect(log).not.toContain('a-very-secret-code')
  expect(log).not.toContain(browser.session)
  expect(log).not.toContain('eyJ')
})
