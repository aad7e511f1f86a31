// Forward-auth checks and checks of Envoy accept the session cookie of a browser by the same rules as ordinary requests.

import { expect, test } from 'vitest'
import { caddy as caddyProgram } from '../../deploy/server-program.mjs'
import { startCaddy } from '../kit/caddy.ts'
import { startCodeGate } from '../kit/code-gate.ts'
import { deployed, documented } from '../kit/documented.ts'
import { TestEnvoy } from '../kit/envoy.ts'
import { HttpBrowser } from '../kit/http-browser.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { openSocket, refusedSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'
import { nginxHere, nginxUpstream } from '../regression/nginx-upstream.ts'

const nginx = nginxHere()
const caddy = caddyProgram.look()?.command
const { url, enter, issuer, orders, nodes } = await startCodeGate({
  settings: {
    check: { peers: ['127.0.0.1'] },
    listen_h2: { address: '127.0.0.1:0', tls: false, ext_authz: true },
  },
})
const envoy = new TestEnvoy(nodes[0]!.http2Port, { raw: true })
const browser = new HttpBrowser()
await enter(browser, { redirects: 0 })

const check = (from: HttpBrowser, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  from.visit(`${url}${path}`, { method, headers, redirects: 0 })

test('a forward-auth check with a session cookie gets 200 with an assertion for the service and with all cookies except the session cookie', async () => {
  const answer = await check(browser, '/.gatehouse/check/app/x', {
    cookie: `a=1; gatehouse-loopback=${browser.session}; b=2`,
  })

  expect(answer.status).toBe(200)
  expect(answer.field('x-gatehouse-jwt-assertion')).toMatch(/^eyJ/)
  expect(answer.field('cookie')).toBe('a=1; b=2')
})

test('a forward-auth check without a session gets a redirect to the login, after which the browser returns to the requested page', async () => {
  const answer = await check(new HttpBrowser(), '/.gatehouse/check/app/x?y=1')

  expect(answer.status).toBe(303)
  expect(answer.field('location')).toBe(`${url}/.gatehouse/login?return_to=%2Fapp%2Fx%3Fy%3D1&issuer=main&refused=none`)
})

test.each(['/oauth2/auth', '/.gatehouse/check?style=nginx'])(
  'a forward-auth check with style=nginx and without a session gets 401 and no redirect: %s',
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

test('Envoy redirects a browser without a session to the login, after which the browser returns to the requested page', async () => {
  const sent = await atEnvoy('/app/x?y=1', [['accept', 'text/html']])

  expect(sent.status).toBe(303)
  expect(sent.field('location')).toBe(`${url}/.gatehouse/login?return_to=%2Fapp%2Fx%3Fy%3D1&issuer=main&refused=none`)
  expect((await atEnvoy('/app/x', [], 'POST')).status).toBe(401)
  const call = await atEnvoy('/app/x', [['content-type', 'application/grpc']], 'POST')
  expect([call.status, call.field('grpc-status'), call.field('location')]).toEqual([401, '16', undefined])
})

test('Envoy admits a request with a session, does not forward the cookie of the gate, and denies a request with the Origin of another site', async () => {
  const cookie: [string, string] = ['cookie', `a=1; gatehouse-loopback=${browser.session}; b=2`]
  const admitted = Object.fromEntries((await atEnvoy('/app/x', [cookie])).forwarded)

  expect(admitted['cookie']).toBe('a=1; b=2')
  expect(admitted['x-gatehouse-jwt-assertion']).toMatch(/^eyJ/)
  expect((await atEnvoy('/app/x', [cookie, ['origin', 'https://evil.test']], 'POST')).status).toBe(403)
  expect((await atEnvoy('/app/x', [cookie, ['origin', url]], 'POST')).status).toBe(200)
})

test.runIf(nginx !== undefined)(
  'with the documented nginx configuration, a page request without a session starts the login, after which the browser returns to the page with its whole query',
  async () => {
    const port = await atNginx()
    const visit = (who: HttpBrowser, path: string, accept: string, method = 'GET') =>
      who.visit(`http://127.0.0.1:${port}${path}`, { method, headers: { accept }, redirects: 0 })
    const stranger = new HttpBrowser()

    const sent = await visit(stranger, '/app/x?y=1&z=%26&issuer=other&return_to=/app/z', 'text/html')
    expect([sent.status, sent.field('location')]).toEqual([303, expect.stringContaining('redirect_uri=')])
    expect((await answered(stranger, sent.field('location')!)).field('location')).toBe(
      `${url}/app/x?y=1&z=%26&issuer=other&return_to=/app/z`,
    )
    for (const [accept, method] of [
      ['*/*', 'GET'],
      ['text/html', 'POST'],
    ] as const) {
      const refused = await visit(new HttpBrowser(), '/app/x', accept, method)
      expect([refused.status, refused.field('www-authenticate')]).toEqual([401, expect.stringContaining('login_uri=')])
    }
    for (const path of ['/.gatehouse/check', '/.gatehouse/check/app/x']) {
      expect((await visit(browser, path, '*/*')).status).toBe(404)
    }
    expect((await visit(browser, '/app/x', 'text/html')).status).toBe(200)
    expect(JSON.parse((await visit(browser, '/.gatehouse/session', '*/*')).body).authenticated).toBe(true)
  },
)

test.runIf(nginx !== undefined)(
  'with the documented nginx configuration, a refused user gets a page with a link to log out and the request id of the check',
  async () => {
    const port = await atNginx()
    const seen = nodes[0]!.log.length

    const page = await browser.visit(`http://127.0.0.1:${port}/app/x.css`, {
      method: 'POST',
      headers: { accept: 'text/html', origin: 'https://evil.test' },
      redirects: 0,
    })

    expect([page.status, page.field('content-type')]).toEqual([403, 'text/html; charset=utf-8'])
    expect(page.body).toContain('<a href="/.gatehouse/logout">Log out</a>')
    const record = await nodes[0]!.waitForLine(
      (line) => nodes[0]!.log.indexOf(line) >= seen && line['reason'] === 'cross-site',
    )
    expect(page.body).toContain(`Request id: ${String(record['id'])}<`)
  },
)

test.runIf(caddy !== undefined)(
  'with the documented Caddy configuration, a page request without a session is redirected to the login, and a page request with a session is admitted',
  async () => {
    const port = await atCaddy()
    const visit = (who: HttpBrowser, path: string) =>
      who.visit(`http://127.0.0.1:${port}${path}`, { headers: { accept: 'text/html' }, redirects: 0 })

    const sent = await visit(new HttpBrowser(), '/app/x?y=1&z=2')
    expect([sent.status, sent.field('location')]).toEqual([
      303,
      `${url}/.gatehouse/login?return_to=%2Fapp%2Fx%3Fy%3D1%26z%3D2&issuer=main&refused=none`,
    ])
    const begun = await visit(new HttpBrowser(), sent.field('location')!.slice(url.length))
    expect([begun.status, begun.field('location')]).toEqual([303, expect.stringContaining('redirect_uri=')])
    for (const path of ['/.gatehouse/check', '/.gatehouse/check/app/x']) {
      expect((await visit(browser, path)).status).toBe(404)
    }
    expect((await visit(browser, '/app/x')).status).toBe(200)
  },
)

const stated = 'X-Auth-Request-Redirect'

test.each([
  [{ [stated]: '/app/x?a=1&b=2' }, '', '/app/x?a=1&b=2'],
  [{ 'X-Forwarded-Uri': '/app/x?a=1&b=2' }, '', '/app/x?a=1&b=2'],
  [{ [stated]: '/app/1', 'X-Forwarded-Uri': '/app/2' }, '?issuer=main', '/app/1'],
  [{ [stated]: `${url}/app/x` }, '', '/app/x'],
  [{ [stated]: '/app/x' }, '?return_to=/app/y', '/app/y'],
  [{ [stated]: '/app/x' }, '?rd=/app/y', '/app/y'],
  [{ X_Auth_Request_Redirect: '/app/x' }, '', '/'],
  [{ [stated]: 'https://evil.test/app' }, '', '/'],
  [{ [stated]: '//evil.test/app' }, '', '/'],
  [{ [stated]: '/\\evil.test' }, '', '/'],
  [{ [stated]: '/app/x#y' }, '', '/'],
  [{ [stated]: '/.gatehouse/logout' }, '', '/'],
])(
  'if a peer in check.peers states the page %j, a login with the query "%s" returns the browser to %s',
  async (fields, query, back) => {
    expect(await returned(fields, query)).toBe(back)
  },
)

test.each([
  ['127.0.0.1', '/app/x?a=1&b=2'],
  ['127.0.0.2', '/'],
])(
  'a login request from %s with X-Auth-Request-Redirect returns the browser to %s, because check.peers lists 127.0.0.1 only',
  async (from, back) => {
    const fields = [
      ['Cookie', `gatehouse-loopback=${browser.session}`],
      [stated, '/app/x?a=1&b=2'],
    ] as const
    const bytes = requestBytes({ target: '/.gatehouse/login?refused=none', host: new URL(url).host, fields })

    const reply = await request(Number(new URL(url).port), bytes, { from })

    expect([reply.status, reply.field('location')]).toEqual([303, url + back])
  },
)

test.each([
  ['the Origin of another site', 403, 'https://evil.test'],
  ['the Origin of a host beside the requested one', 403, 'http://other.localhost'],
  ['the Origin of the requested host', 200, url],
  ['no Origin', 200, undefined],
])('a forward-auth check of a WebSocket with a session and %s gets %i', async (_, status, origin) => {
  const socket = { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' }

  expect((await check(browser, '/.gatehouse/check/app/x', { ...socket, ...(origin && { origin }) })).status).toBe(
    status,
  )
})

test.runIf(nginx !== undefined)(
  'with the documented nginx configuration, nginx forwards a WebSocket only at the listed paths, and only from pages of the same host',
  async () => {
    const service = await WebSocketService.start()
    const page = documented('guide/forward-auth.md', 'nginx websocket', { '/live/': '/public/' })
    const port = await atNginx(new URL(service.url).host, page)

    const opened = await openSocket(port, '/public/live', { host: '127.0.0.1', origin: url })
    opened.ws.send('hello')
    expect(await opened.received(1)).toEqual(['hello'])
    for (const [path, origin, status] of [
      ['/public/live', 'https://evil.test', 403],
      ['/app/live', url, 401],
    ] as const) {
      expect((await refusedSocket(port, path, { host: '127.0.0.1', origin })).status).toBe(status)
    }
    expect(service.sockets).toHaveLength(1)
  },
)

test.runIf(caddy !== undefined)(
  'with the documented Caddy configuration, Caddy forwards a WebSocket only at the listed paths, and only from pages of the same host',
  async () => {
    const service = await WebSocketService.start()
    const page = documented('guide/forward-auth.md', 'caddy websocket', { '/live/': '/public/live/' })
    const port = await atCaddy(new URL(service.url).host, page)

    const opened = await openSocket(port, '/public/live/1', { host: '127.0.0.1', origin: url })
    opened.ws.send('hello')
    expect(await opened.received(1)).toEqual(['hello'])
    for (const [path, origin, status] of [
      ['/public/live/1', 'https://evil.test', 403],
      ['/app/live/1', url, 401],
    ] as const) {
      expect((await refusedSocket(port, path, { host: '127.0.0.1', origin })).status).toBe(status)
    }
    expect(service.sockets).toHaveLength(1)
    await refusedSocket(port, '/public/other', { host: '127.0.0.1', origin: url })
    expect(service.sockets).toHaveLength(1)
  },
)

/** Path to which a browser returns after a login that it starts with these fields. */
async function returned(headers: Readonly<Record<string, string>>, query = ''): Promise<string> {
  const someone = new HttpBrowser()
  const sent = await someone.visit(`${url}/.gatehouse/login${query}`, { headers, redirects: 0 })
  const { field } = await answered(someone, sent.field('location')!)
  return field('location')!.slice(url.length)
}

/** Sends the reply of the issuer to the callback of the gate. */
function answered(from: HttpBrowser, authorization: string): ReturnType<HttpBrowser['visit']> {
  const { state, nonce } = issuer.pending(authorization)
  const reply = new URLSearchParams({ code: `code-for.${nonce}`, state, iss: issuer.url })
  return from.visit(`${url}/.gatehouse/callback?${reply}`, { redirects: 0 })
}

/** Starts nginx with the documented configuration before the gate and a service. */
function atNginx(service = `127.0.0.1:${orders.port}`, more = ''): Promise<number> {
  const addresses = { '127.0.0.1:8080': new URL(url).host, '127.0.0.1:8101': service }
  return nginxUpstream(nginx!, deployed('forward-auth/nginx.conf', addresses) + more)
}

/** Starts Caddy with the documented configuration before the gate and a service. */
function atCaddy(service = `127.0.0.1:${orders.port}`, more = ''): Promise<number> {
  return startCaddy(caddy!, (port) =>
    deployed('forward-auth/Caddyfile', {
      'api.example': `127.0.0.1:${port}`,
      '127.0.0.1:8080': new URL(url).host,
      'reverse_proxy 127.0.0.1:8101': `${more}reverse_proxy ${service}`,
    }),
  )
}
