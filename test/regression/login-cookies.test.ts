// S-046 to S-049, S-095 to S-097, S-101: requests with a session cookie, including forged cross-site requests.

import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { HttpBrowser, type Page } from '../kit/http-browser.ts'
import { exchange } from '../kit/raw-client.ts'

const gate = await startCodeGate()
const { url, issuer, orders, enter } = gate
const port = Number(new URL(url).port)

const browser = new HttpBrowser()
await enter(browser)
const cookie = `gatehouse-loopback=${browser.session}`
const token = issuer.signJwt(
  {
    iss: issuer.url,
    sub: 'robot',
    client_id: 'robot',
    aud: 'https://api.test',
    iat: Math.floor(Date.now() / 1000),
    exp: Math.floor(Date.now() / 1000) + 3600,
    scope: 'orders:read',
  },
  { typ: 'at+jwt' },
)

interface Sent {
  readonly status: number
  readonly field: (name: string) => string | undefined
  readonly document: Record<string, unknown>
}

/** Sends a request with exactly these fields over a new connection. */
async function send(method: string, target: string, fields: readonly string[]): Promise<Sent> {
  const head = [`${method} ${target} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...fields, 'Connection: close', '', '']
  const { replies } = await exchange(port, head.join('\r\n'))
  const [reply] = replies
  const body = reply!.body.toString()
  const field = (name: string) => reply!.fields.find(([key]) => key.toLowerCase() === name)?.[1]
  const json = field('content-type')?.includes('json') === true && body !== ''
  return { status: reply!.status, field, document: json ? JSON.parse(body) : {} }
}

test('S-046 the gate removes its session cookie and forwards other cookies in order', async () => {
  const { status } = await send('GET', '/app/', [
    `Cookie: a=1; ${cookie}; b=2`,
    'Cookie: gatehouse-loopback-login-abcd=x; c=3',
  ])

  expect(status).toBe(200)
  expect(orders.requests.at(-1)!.all('cookie')).toEqual(['a=1; b=2; c=3'])
})

test('S-046 the gate also removes an invalid session cookie, and a session cookie on a route without sessions', async () => {
  await send('GET', '/public/', [`Cookie: __Host-gatehouse=x; a=1; ${cookie}`])

  expect(orders.requests.at(-1)!.all('cookie')).toEqual(['a=1'])
})

test('S-047 the gate does not relay a Set-Cookie field of a service that would set a cookie of the gate', async () => {
  const usual = orders.handler
  orders.handler = (_, response) => {
    response.setHeader('set-cookie', [
      'mine=1',
      'gatehouse-loopback=evil',
      // A cookie without a name: browsers send only its value back, and a server reads this value as the cookie of the
      // gate.
      '=gatehouse-loopback=evil',
      ' = gatehouse-loopback=evil',
      '__Host-gatehouse=evil; Secure; Path=/',
      'yours=2',
    ])
    response.end()
  }
  const fresh = new HttpBrowser()
  await fresh.visit(`${url}/public/`)
  orders.handler = usual

  expect(fresh.cookies.map(({ name }) => name)).toEqual(['mine', 'yours'])
})

test.each([
  ['/app/', {}, 'private'],
  ['/app/', { expires: 'Fri, 01 Jan 2100 00:00:00 GMT' }, 'private'],
  ['/app/', { 'cache-control': 'public, max-age=60' }, 'public, max-age=60'],
  ['/public/', {}, undefined],
])(
  'a request with a session for %s, to which the service replies with the fields %j, gets a reply with Cache-Control: %s (undefined: no field)',
  async (path, fields, expected) => {
    const usual = orders.handler
    orders.handler = (_, response) => {
      for (const [name, value] of Object.entries(fields)) response.setHeader(name, value)
      response.end()
    }
    const sent = await send('GET', path, [`Cookie: ${cookie}`])
    orders.handler = usual

    expect([sent.status, sent.field('cache-control')]).toEqual([200, expected])
  },
)

test.each([
  ['no credential', 401, []],
  ['a cookie', 200, [`Cookie: ${cookie}`]],
  ['a cookie and a token', 401, [`Cookie: ${cookie}`, `Authorization: Bearer ${token}`]],
  ['a cookie and a bad token', 401, [`Cookie: ${cookie}`, 'Authorization: Bearer bad']],
  ['a cookie and an empty Authorization', 401, [`Cookie: ${cookie}`, 'Authorization:']],
])(
  'S-048, S-049 on a route that accepts sessions only, a request with %s gets the status %i',
  async (_, status, fields) => {
    expect((await send('GET', '/app/', fields)).status).toBe(status)
  },
)

test.each([
  ['a cookie', 200, [`Cookie: ${cookie}`], 'alice'],
  ['a token', 200, [`Authorization: Bearer ${token}`], 'robot'],
  ['a cookie and a token', 200, [`Cookie: ${cookie}`, `Authorization: Bearer ${token}`], 'robot'],
  ['a cookie and a bad token', 401, [`Cookie: ${cookie}`, 'Authorization: Bearer bad'], undefined],
])(
  'S-049 on a route for sessions and tokens, a request with %s gets the status %i',
  async (_, status, fields, subject) => {
    const before = orders.requests.length
    expect((await send('GET', '/either/', fields)).status).toBe(status)
    const arrived = orders.requests.slice(before)
    expect(arrived.length).toBe(subject === undefined ? 0 : 1)
    const assertion = arrived[0]?.all('x-gatehouse-jwt-assertion')[0]?.split('.')[1]
    expect(assertion && JSON.parse(Buffer.from(assertion, 'base64url').toString()).sub).toBe(subject)
  },
)

test('S-049 the gate ignores a session cookie on a route without sessions', async () => {
  const { status, field } = await send('GET', '/orders/', [`Cookie: ${cookie}`])

  expect(status).toBe(401)
  expect(field('www-authenticate')).not.toContain('login_uri')
})

const value = browser.session!
test.each([
  ['sent twice', [`${cookie}; ${cookie}`]],
  ['sent twice, once with a wrong value', [`gatehouse-loopback=x; ${cookie}`]],
  [
    'sent twenty times',
    [Array.from({ length: 20 }, (_, i) => (i === 7 ? cookie : `gatehouse-loopback=${i}`)).join('; ')],
  ],
  ['sent in two fields', [cookie, cookie]],
  ['that is truncated', [`gatehouse-loopback=${value.slice(0, -1)}`]],
  ['with one bit changed', [`gatehouse-loopback=${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`]],
  ['in quotes', [`gatehouse-loopback="${value}"`]],
  ['of 8 kB', [`gatehouse-loopback=${'a'.repeat(8000)}`]],
  ['that is empty', ['gatehouse-loopback=']],
  ['with the name used on https', [`__Host-gatehouse=${value}`]],
])('S-095 the gate rejects a session cookie %s', async (_, fields) => {
  const { status, document } = await send(
    'GET',
    '/app/',
    fields.map((each) => `Cookie: ${each}`),
  )

  expect([status, document['code']]).toEqual([401, 'login_required'])
})

const here = `Origin: ${url}`
test.each([
  ['POST', [here], 200],
  ['POST', [here, 'Sec-Fetch-Site: same-origin'], 200],
  ['POST', ['Sec-Fetch-Site: same-origin'], 200],
  ['DELETE', [here], 200],
  ['POST', [], 403],
  ['PUT', [], 403],
  ['PATCH', [], 403],
  ['DELETE', [], 403],
  ['POST', ['Origin: https://evil.test'], 403],
  ['POST', ['Origin: null'], 403],
  ['POST', [`Origin: ${url}.evil.test`], 403],
  ['POST', [`Origin: ${url.replace('http:', 'https:')}`], 403],
  ['POST', ['Sec-Fetch-Site: cross-site'], 403],
  ['POST', ['Sec-Fetch-Site: same-site'], 403],
  ['POST', ['Sec-Fetch-Site: none'], 403],
  ['POST', [here, 'Sec-Fetch-Site: cross-site'], 403],
  ['POST', ['Origin: https://evil.test', 'Sec-Fetch-Site: same-origin'], 403],
  ['POST', ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Site: same-origin'], 403],
  ['GET', ['Origin: https://evil.test', 'Sec-Fetch-Site: cross-site'], 200],
  ['OPTIONS', ['Origin: https://evil.test'], 200],
] as const)(
  'S-096 the gate replies to a %s request with a session cookie and the fields %j with the status %i',
  async (method, fields, status) => {
    const before = orders.requests.length
    const sent = await send(method, '/app/', [
      `Cookie: ${cookie}`,
      ...fields,
      ...(method === 'GET' ? [] : ['Content-Length: 0']),
    ])

    expect(sent.status).toBe(status)
    expect(orders.requests.length - before).toBe(status === 200 ? 1 : 0)
  },
)

test('the gate admits a POST with a bearer token without an Origin field', async () => {
  expect((await send('POST', '/either/', [`Authorization: Bearer ${token}`, 'Content-Length: 0'])).status).toBe(200)
})

test.each([
  ['a browser navigation', 303, ['Accept: text/html,*/*', 'Sec-Fetch-Mode: navigate']],
  ['a browser without Sec-Fetch fields', 303, ['Accept: text/html, application/xhtml+xml']],
  ['a navigation without Accept', 303, ['Sec-Fetch-Mode: navigate']],
  ['a fetch from a page', 401, ['Accept: text/html', 'Sec-Fetch-Mode: cors']],
  ['an image request', 401, ['Accept: image/*', 'Sec-Fetch-Mode: no-cors']],
  ['a client that accepts anything', 401, ['Accept: */*']],
  ['a client that prefers JSON to HTML', 401, ['Accept: application/json, text/html']],
  ['a request without such fields', 401, []],
])('the gate replies to a request without a session (%s) with the status %i', async (_, status, fields) => {
  const sent = await send('GET', '/app/x?y=1', fields)

  expect(sent.status).toBe(status)
  if (status === 303) {
    expect(sent.field('location')).toBe(`${url}/.gatehouse/login?return_to=%2Fapp%2Fx%3Fy%3D1&issuer=main&refused=none`)
    expect(sent.field('cache-control')).toBe('no-store')
    return
  }
  const login = `${url}/.gatehouse/login?issuer=main`
  expect(sent.document).toMatchObject({ code: 'login_required', login })
  expect(sent.field('www-authenticate')).toContain(`login_uri="${login}"`)
  expect(sent.field('www-authenticate')).toContain('resource_metadata=')
})

test('the gate replies 401 to a POST without a session and does not redirect it to the login', async () => {
  expect((await send('POST', '/app/', ['Sec-Fetch-Mode: navigate', 'Content-Length: 0'])).status).toBe(401)
})

async function loggedIn(): Promise<HttpBrowser> {
  const own = new HttpBrowser()
  await enter(own)
  return own
}

const out = `${url}/.gatehouse/logout`
test.each([
  ['GET', { 'sec-fetch-site': 'cross-site' }],
  ['GET', { 'sec-fetch-site': 'same-site' }],
  ['GET', { 'sec-fetch-site': 'none' }],
  ['GET', {}],
  ['POST', { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' }],
  ['POST', {}],
])('S-097 the gate shows a confirmation page for a logout by %s with the fields %j', async (method, headers) => {
  const own = await loggedIn()

  const page = await own.visit(out, { method, headers, redirects: 0 })

  expect([page.status, page.field('location')]).toEqual([200, undefined])
  expect(page.body).toContain('Log out?')
  expect((await own.visit(`${url}/app/`, { redirects: 0 })).status).toBe(200)

  const done = await own.submit(page, {}, { redirects: 0 })

  expect(done.status).toBe(303)
  expect((await own.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
})

test("a logout from the gate's own origin ends the session, revokes its tokens and redirects to the logout of the issuer", async () => {
  const own = await loggedIn()
  const { session } = own
  const revoked = issuer.revoked.length

  const page: Page = await own.visit(out, { headers: { 'sec-fetch-site': 'same-origin' }, redirects: 0 })

  const elsewhere = new URL(page.field('location')!)
  expect(elsewhere.origin + elsewhere.pathname).toBe(`${issuer.url}/end`)
  expect(elsewhere.searchParams.get('id_token_hint')).toMatch(/^eyJ/)
  expect(elsewhere.searchParams.get('post_logout_redirect_uri')).toBe(out)
  expect(own.session).toBeUndefined()
  own.session = session!
  expect((await own.visit(`${url}/app/`, { redirects: 0 })).status).toBe(303)
  await expect.poll(() => issuer.revoked.length - revoked).toBe(2)
  expect(issuer.revoked.slice(revoked).map((form) => form.get('token_type_hint'))).toEqual([
    'refresh_token',
    'access_token',
  ])
})

test('a logout removes the session cookie even if the issuer fails to revoke the tokens', async () => {
  for (const revocation of [
    { status: 400, body: '{"error":"unsupported_token_type"}' },
    { status: 500, body: '' },
  ]) {
    issuer.revocation = revocation
    const own = await loggedIn()
    const page = await own.visit(out, { headers: { 'sec-fetch-site': 'same-origin' }, redirects: 0 })
    expect([page.status, own.session]).toEqual([303, undefined])
  }
  issuer.revocation = { status: 200, body: '' }
})

test('S-101 if a route requires a stronger or more recent login than the session has, the gate states this in a 401 challenge and redirects browsers to the login', async () => {
  const strong = await send('GET', '/strong/', [`Cookie: ${cookie}`, 'Sec-Fetch-Mode: cors'])
  expect([strong.status, strong.document['code']]).toEqual([401, 'insufficient_user_authentication'])
  expect(strong.field('www-authenticate')).toContain(
    'error="insufficient_user_authentication", acr_values="urn:strong"',
  )

  const browsing = await send('GET', '/strong/', [`Cookie: ${cookie}`, 'Sec-Fetch-Mode: navigate'])
  expect(browsing.field('location')).toContain('acr_values=urn%3Astrong')

  issuer.idToken = { claims: { auth_time: Math.floor(Date.now() / 1000) - 3600 } }
  const stale = await loggedIn()
  issuer.idToken = {}
  const recent = await send('GET', '/recent/', [`Cookie: gatehouse-loopback=${stale.session}`])
  expect(recent.field('www-authenticate')).toContain('error="insufficient_user_authentication", max_age="60"')
})

test('S-101: the gate replies 403 to a login with an auth_time in the future, and starts no redirect loop', async () => {
  issuer.idToken = { claims: { auth_time: Date.now() } }
  const own = await loggedIn()
  const asked = await own.visit(`${url}/recent/`, { redirects: 0 })
  expect([asked.status, asked.field('location')]).toEqual([303, expect.stringContaining('max_age=60')])

  const start = await own.visit(asked.field('location')!, { redirects: 0 })
  const { state } = issuer.pending(start.field('location')!)
  const page = await own.visit(`${gate.callback}?${new URLSearchParams({ code: 'c', state, iss: issuer.url })}`)
  issuer.idToken = {}

  expect([page.status, page.url]).toEqual([403, expect.stringContaining('/.gatehouse/callback')])
})

test('S-101 if the issuer ignores the requested acr, the gate replies 403, creates no session and leaves the old session valid', async () => {
  const own = await loggedIn()
  const { session } = own
  const start = await own.visit(`${url}/.gatehouse/login?acr_values=urn:strong&return_to=/strong/`, { redirects: 0 })
  const { state, parameters } = issuer.pending(start.field('location')!)
  expect(parameters.get('acr_values')).toBe('urn:strong')

  const page = await own.visit(`${gate.callback}?${new URLSearchParams({ code: 'c', state, iss: issuer.url })}`)

  expect(page.status).toBe(403)
  expect(own.session).toBe(session)
  expect((await own.visit(`${url}/app/`, { redirects: 0 })).status).toBe(200)
})

test('the page /.gatehouse/session contains the logged-in subject and is not cacheable', async () => {
  const sent = await send('GET', '/.gatehouse/session', [`Cookie: ${cookie}`])
  expect(sent.document).toMatchObject({ authenticated: true, subject: 'alice', issuer: issuer.url })
  expect(sent.field('cache-control')).toBe('no-store')
  expect((await send('GET', '/oauth2/userinfo', [`Cookie: ${cookie}`])).document).toMatchObject({ user: 'alice' })

  const stranger = await send('GET', '/.gatehouse/session', [])
  expect([stranger.status, stranger.document]).toEqual([
    200,
    { authenticated: false, login_url: `${url}/.gatehouse/login` },
  ])
  expect((await send('GET', '/oauth2/userinfo', [])).status).toBe(401)
})

test.each([
  ['POST', '/.gatehouse/login', 405],
  ['POST', '/.gatehouse/callback', 405],
  ['DELETE', '/.gatehouse/logout', 405],
  ['GET', '/.gatehouse/backchannel-logout', 405],
  ['POST', '/.gatehouse/session', 405],
  ['GET', '/.gatehouse/other', 404],
  ['GET', '/.gatehouse/login/', 404],
])('a %s request for the path %s of the gate itself gets the status %i', async (method, target, status) => {
  expect((await send(method, target, method === 'GET' ? [] : ['Content-Length: 0'])).status).toBe(status)
})
