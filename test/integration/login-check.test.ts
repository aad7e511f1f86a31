// Forward-auth checks and checks of Envoy accept the session cookie of a browser by the same rules as ordinary requests.

import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { deployed, documented } from '../kit/documented.ts'
import { TestEnvoy } from '../kit/envoy.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { nginxHere, nginxUpstream } from '../regression/nginx-upstream.ts'

const nginx = nginxHere()
const { url, enter, orders, nodes } = await startCodeGate({
  settings: {
    check: { peers: ['127.0.0.0/8'] },
    listen_h2: { address: '127.0.0.1:0', tls: false, ext_authz: true },
  },
})
const envoy = new TestEnvoy(nodes[0]!.http2Port, { raw: true })
const browser = new HttpBrowser()
await enter(browser, { redirects: 0 })

const check = (from: HttpBrowser, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  from.visit(`${url}${path}`, { method, headers, redirects: 0 })

test('a forward-auth check with a session cookie gets 200 with an assertion and with all cookies except the session cookie', async () => {
  const answer = await check(browser, '/.gatehouse/check/app/x', {
    cookie: `a=1; gatehouse-loopback=${browser.session}; b=2`,
  })

  expect(answer.status).toBe(200)
  expect(answer.field('x-gatehouse-jwt-assertion')).toMatch(/^eyJ/)
  expect(answer.field('cookie')).toBe('a=1; b=2')
})

test('a forward-auth check without a session gets a redirect to the login, which returns to the requested page', async () => {
  const answer = await check(new HttpBrowser(), '/.gatehouse/check/app/x?y=1')

  expect(answer.status).toBe(303)
  expect(answer.field('location')).toBe(`${url}/.gatehouse/login?return_to=%2Fapp%2Fx%3Fy%3D1&issuer=main&refused=none`)
})

test.each(['/oauth2/auth', '/.gatehouse/check?style=nginx'])(
  'a forward-auth check in the nginx style without a session gets 401 and no redirect: %s',
  async (path) => {
    const answer = await check(new HttpBrowser(), path, {
      'x-original-method': 'GET',
      'x-original-url': `${url}/app/x`,
    })

    expect([answer.status, JSON.parse(answer.body).code]).toEqual([401, 'login_required'])
  },
)

test("a forward-auth check of a POST with a session gets 403 with the Origin of another site and 200 with the gate's own Origin (CSRF)", async () => {
  const post = { 'x-original-method': 'POST', 'x-original-url': `${url}/app/x` }

  expect((await check(browser, '/oauth2/auth', { ...post, origin: 'https://evil.test' })).status).toBe(403)
  expect((await check(browser, '/oauth2/auth', { ...post, origin: url })).status).toBe(200)
})

const atEnvoy = (path: string, fields: readonly [string, string][], method = 'GET') =>
  envoy.check({ method, path, host: new URL(url).host, scheme: 'http', fields, protocol: 'HTTP/2' })

test('Envoy sends a browser without a session to the login, which returns to the requested page', async () => {
  const sent = await atEnvoy('/app/x?y=1', [['accept', 'text/html']])

  expect(sent.status).toBe(303)
  expect(sent.field('location')).toBe(`${url}/.gatehouse/login?return_to=%2Fapp%2Fx%3Fy%3D1&issuer=main&refused=none`)
  expect((await atEnvoy('/app/x', [], 'POST')).status).toBe(401)
  const call = await atEnvoy('/app/x', [['content-type', 'application/grpc']], 'POST')
  expect([call.status, call.field('grpc-status'), call.field('location')]).toEqual([401, '16', undefined])
})

test('Envoy admits a session, keeps the cookie of the gate from the service, and denies the Origin of another site', async () => {
  const cookie: [string, string] = ['cookie', `a=1; gatehouse-loopback=${browser.session}; b=2`]
  const admitted = Object.fromEntries((await atEnvoy('/app/x', [cookie])).forwarded)

  expect(admitted['cookie']).toBe('a=1; b=2')
  expect(admitted['x-gatehouse-jwt-assertion']).toMatch(/^eyJ/)
  expect((await atEnvoy('/app/x', [cookie, ['origin', 'https://evil.test']], 'POST')).status).toBe(403)
  expect((await atEnvoy('/app/x', [cookie, ['origin', url]], 'POST')).status).toBe(200)
})

test.runIf(nginx !== undefined)(
  'with the documented nginx configuration, a navigation without a session is redirected to the login, and a session is admitted',
  async () => {
    const gate = url.slice('http://'.length)
    const check = deployed('forward-auth/nginx.conf', {
      '127.0.0.1:8080': gate,
      '127.0.0.1:8101': `127.0.0.1:${orders.port}`,
    })
    const login = documented('guide/forward-auth.md', 'nginx login', { '127.0.0.1:8080': gate })
    const own = 'error_page 403 = @refused;'
    const port = await nginxUpstream(nginx!, check.replace(own, `${own} error_page 401 = @login;`) + login)
    const visit = (who: HttpBrowser, path: string, accept: string) =>
      who.visit(`http://127.0.0.1:${port}${path}`, { headers: { accept }, redirects: 0 })
    const stranger = new HttpBrowser()

    const sent = await visit(stranger, '/app/x?y=1', 'text/html')
    expect([sent.status, sent.field('location')]).toEqual([
      302,
      `http://127.0.0.1:${port}/.gatehouse/login?return_to=/app/x?y=1`,
    ])
    const begun = await stranger.visit(sent.field('location')!, { redirects: 0 })
    expect([begun.status, begun.field('location')]).toEqual([303, expect.stringContaining('redirect_uri=')])
    const fetched = await visit(stranger, '/app/x', '*/*')
    expect([fetched.status, fetched.field('www-authenticate')]).toEqual([401, expect.stringContaining('login_uri=')])
    for (const path of ['/.gatehouse/check', '/.gatehouse/check/app/x']) {
      expect((await visit(browser, path, '*/*')).status).toBe(404)
    }
    expect((await visit(browser, '/app/x', 'text/html')).status).toBe(200)
    expect(JSON.parse((await visit(browser, '/.gatehouse/session', '*/*')).body).authenticated).toBe(true)
  },
)
