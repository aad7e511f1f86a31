import { expect, test } from 'vitest'
import { HttpBrowser, type Page } from '../kit/http-browser.ts'
import { consoleClient, startLoginProvider } from '../kit/login-provider.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'
import { until } from '../kit/until.ts'

// Log-in to the console at a real issuer (OpenID Connect): docs/guide/console.md.

const port = freePort()
const origin = `http://127.0.0.1:${port}`
const provider = await startLoginProvider({ gate: 'http://127.0.0.1:9', console: origin })
const node = await startNode({
  policy: testPolicy({ issuer: 'http://127.0.0.1:9', orders: 'http://127.0.0.1:9' }),
  settings: {
    admin: {
      listen: `127.0.0.1:${port}`,
      issuer: { issuer: provider.url, audience: [consoleClient.resource], clock_tolerance: '0s' },
      login: {
        client_id: consoleClient.id,
        client_secret: { env: 'CONSOLE_SECRET' },
        origin,
        scopes: ['openid', 'offline_access', 'gatehouse:read'],
        resource: consoleClient.resource,
      },
    },
  },
  env: { CONSOLE_SECRET: consoleClient.secret },
})

const fromConsole = { 'x-gatehouse-console': '1', 'sec-fetch-site': 'same-origin' }

async function session(browser: HttpBrowser) {
  const { status, body } = await browser.visit(`${origin}/console/session`, { headers: fromConsole })
  return { status, document: JSON.parse(body) as Record<string, unknown> }
}

/** Begins a log-in and stops at the form of the issuer. */
const begin = (browser: HttpBrowser, to = '/live?route=a') =>
  browser.visit(`${origin}/console/login?to=${encodeURIComponent(to)}`)

/** Submits the form of the issuer, and stops before the redirect to the console. */
async function callbackOf(browser: HttpBrowser, form: Page, fields: Record<string, string>): Promise<string> {
  let page = await browser.submit(form, fields, { redirects: 0 })
  for (let i = 0; i < 5 && !page.field('location')!.startsWith(origin); i++) {
    page = await browser.visit(new URL(page.field('location')!, page.url).href, { redirects: 0 })
  }
  return page.field('location')!
}

async function logIn(browser: HttpBrowser, to?: string): Promise<Page> {
  return browser.visit(await callbackOf(browser, await begin(browser, to), { user: 'alice' }))
}

test('a log-in to the console at the issuer opens a console session with the granted scopes and continues to the requested path', async () => {
  const browser = new HttpBrowser()
  const page = await logIn(browser)

  expect([page.status, page.field('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(page.body).toContain('content="0;url=/live?route=a"')
  expect(page.field('referrer-policy')).toBe('no-referrer')
  expect(browser.gateCookies.map((pair) => pair.split('=')[0])).toEqual([`gatehouse-console-${port}`])
  const { status, document } = await session(browser)
  expect(status).toBe(200)
  expect(document).toMatchObject({
    who: 'alice',
    client: consoleClient.id,
    credential: 'access token',
    scopes: expect.arrayContaining(['gatehouse:read']),
    login: { oidc: true, token: true },
  })
  expect(document['scopes']).not.toContain('gatehouse:limits')
  const line = await node.waitForLine(({ operation }) => operation === 'log_in_to_console')
  expect(line).toMatchObject({ status: 200, who: 'alice', credential: 'access token' })
})

test('the authorization request of the console has state, nonce and a PKCE challenge, and its cookie applies to the callback path only', async () => {
  const reply = await new HttpBrowser().visit(`${origin}/console/login`, { redirects: 0 })
  const query = new URL(reply.field('location')!).searchParams
  expect(query.get('redirect_uri')).toBe(`${origin}/callback`)
  expect(query.get('code_challenge_method')).toBe('S256')
  expect(query.get('resource')).toBe(consoleClient.resource)
  for (const name of ['state', 'nonce', 'code_challenge']) expect(query.get(name)).toMatch(/^[\w-]{43}$/)
  const cookie = reply.field('set-cookie')!
  expect(cookie).toMatch(
    new RegExp(`^gatehouse-console-login-${port}=[\\w-]+; Max-Age=600; Path=/callback; HttpOnly; SameSite=Lax$`),
  )
  for (const name of ['state', 'nonce']) expect(cookie).not.toContain(query.get(name)!)
})

test('a console session outlives its access token by one token refresh, even if many calls arrive at once', async () => {
  const browser = new HttpBrowser()
  provider.accessTokenS = 12
  try {
    await logIn(browser)
  } finally {
    provider.accessTokenS = 300
  }
  const { document } = await session(browser)
  const endsMs = Date.parse(document['expires_at'] as string)
  expect(endsMs).toBeGreaterThan(Date.now() + 7 * 3_600_000)
  const refreshes = () => provider.requests.filter((each) => each === 'POST /token').length
  const before = refreshes()
  // A token with less than 10 s left is refreshed.
  await until('the token is refreshed', async () => {
    const calls = await Promise.all(Array.from({ length: 5 }, () => session(browser)))
    for (const { status } of calls) expect(status).toBe(200)
    return refreshes() > before
  })
  expect(refreshes()).toBe(before + 1)
})

test('a console session ends when the issuer no longer accepts its refresh token', async () => {
  const browser = new HttpBrowser()
  provider.accessTokenS = 5
  provider.refusesRefreshes = true
  try {
    await logIn(browser)
    // A token with less than 10 s left is refreshed.
    expect(await session(browser)).toMatchObject({ status: 401, document: { code: 'session_ended' } })
  } finally {
    provider.accessTokenS = 300
    provider.refusesRefreshes = false
  }
  expect(await session(browser)).toMatchObject({ status: 401 })
})

test('a log-out from the console ends the console session and revokes its refresh token at the issuer', async () => {
  const browser = new HttpBrowser()
  await logIn(browser)
  const before = provider.requests.filter((each) => each === 'POST /token/revocation').length
  const reply = await browser.visit(`${origin}/console/logout`, { method: 'POST', headers: fromConsole })
  expect([reply.status, browser.gateCookies]).toEqual([204, []])
  await until(
    'the refresh token is revoked',
    () => provider.requests.filter((each) => each === 'POST /token/revocation').length > before,
  )
})

test('an operator who refuses the log-in at the issuer returns to the console with the reason, and gets no console session', async () => {
  const browser = new HttpBrowser()
  const callback = await callbackOf(browser, await begin(browser), { deny: '1' })
  const page = await browser.visit(callback, { redirects: 0 })
  expect([page.status, page.field('location')]).toEqual([303, '/live?route=a&login_error=denied'])
  expect(browser.gateCookies).toEqual([])
})

test('the console rejects an authorization response in another browser, with another state, and a second time (login CSRF)', async () => {
  const browser = new HttpBrowser()
  const victim = new HttpBrowser()
  const callback = await callbackOf(browser, await begin(browser), { user: 'alice' })
  await begin(victim)
  const expired = [303, '/?login_error=expired']
  const visit = async (by: HttpBrowser, url: string) => {
    const { status, field } = await by.visit(url, { redirects: 0 })
    return [status, field('location')]
  }
  expect(await visit(victim, callback)).toEqual(expired)
  expect(await visit(new HttpBrowser(), callback)).toEqual(expired)
  const changed = new URL(callback)
  changed.searchParams.set('state', 'x'.repeat(43))
  expect(await visit(browser, changed.href)).toEqual(expired)
  expect((await session(victim)).status).toBe(401)

  expect((await browser.visit(callback)).status).toBe(200)
  expect(await visit(browser, callback)).toEqual(expired)
})

test('the console rejects an authorization response with another iss (mix-up) or two codes without a call to the issuer', async () => {
  for (const change of [
    (url: URL) => url.searchParams.set('iss', 'https://evil.example'),
    (url: URL) => url.searchParams.append('code', 'second'),
  ]) {
    const browser = new HttpBrowser()
    const callback = new URL(await callbackOf(browser, await begin(browser), { user: 'alice' }))
    change(callback)
    const before = provider.requests.length
    const page = await browser.visit(callback.href, { redirects: 0 })
    expect([page.field('location'), provider.requests.length]).toEqual(['/live?route=a&login_error=failed', before])
    expect((await session(browser)).status).toBe(401)
  }
})

test('a page of another site cannot begin a log-in to the console', async () => {
  for (const site of ['cross-site', 'same-site']) {
    const page = await new HttpBrowser().visit(`${origin}/console/login`, { headers: { 'sec-fetch-site': site } })
    expect(page.status).toBe(403)
  }
})

test('a log-in that begins under another host name of the console moves to the origin in admin.login.origin', async () => {
  const page = await new HttpBrowser().visit(`http://localhost:${port}/console/login?to=/live`, { redirects: 0 })
  expect([page.status, page.field('location')]).toEqual([303, `${origin}/live`])
})

test('an access token that the admin API does not accept opens no console session, and the log says why', async () => {
  const browser = new HttpBrowser()
  provider.tokenClaims = { cnf: { jkt: 'A'.repeat(43) } }
  try {
    const callback = await callbackOf(browser, await begin(browser), { user: 'alice' })
    const page = await browser.visit(callback, { redirects: 0 })
    expect(page.field('location')).toMatch(/^\/live\?route=a&login_error=(?:failed|refused)$/)
  } finally {
    provider.tokenClaims = {}
  }
  expect((await session(browser)).status).toBe(401)
  await node.waitForLine(({ msg }) => String(msg).startsWith('log-in to the console refused'))
})

test('while the issuer is unavailable, a log-in returns the browser to the console with the reason', async () => {
  const browser = new HttpBrowser()
  const form = await begin(browser)
  const callback = await callbackOf(browser, form, { user: 'alice' })
  provider.down = true
  try {
    const page = await browser.visit(callback, { redirects: 0 })
    expect(page.field('location')).toBe('/live?route=a&login_error=failed')
  } finally {
    provider.down = false
  }
})

test('the number of log-ins to the console that one address begins is limited', async () => {
  const begun = await Promise.all(
    Array.from({ length: 60 }, () => new HttpBrowser().visit(`${origin}/console/login`, { redirects: 0 })),
  )
  expect(new Set(begun.map(({ status }) => status))).toEqual(new Set([303, 429]))
})
