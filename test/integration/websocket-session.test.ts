import { expect, test } from 'vitest'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, startLoginGate } from '../kit/login-gate.ts'
import { openSocket, refusedSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

// A WebSocket whose credential is the session cookie of a browser: only pages of an allowed origin may open it.

const service = await WebSocketService.start()
const live = { id: 'live', match: { path: '/live/**' }, require: { session: 'main' } }
const { url, node } = await startLoginGate({
  orders: service.url,
  routes: [{ ...live, websocket: { origins: ['https://app.example'], token_in_protocol: true } }],
  settings: { log: { access: true, format: 'json' } },
})
const browser = new HttpBrowser()
await logIn(browser, `${url}/app/`)
const { host } = new URL(url)
const cookies = { cookie: browser.gateCookies.join('; ') }
const recordOf = (path: string) => node.waitForRecord((record) => record['path'] === path)

test.each([url, 'https://app.example'])('a page of %s opens a WebSocket with the session cookie', async (origin) => {
  const path = `/live/${origin.length}`
  const client = await openSocket(node.port, path, { host, origin, fields: cookies })
  client.ws.send('hello')

  expect(await client.received(1)).toEqual(['hello'])
  const { request } = await service.socketAt(path)
  expect(request.headers.cookie).toBeUndefined()
  expect(request.headers.origin).toBe(origin)
  client.ws.close()
  expect(await recordOf(path)).toMatchObject({ subject: 'alice', reason: 'admitted' })
})

test.each([
  ['another origin', { origin: 'https://evil.example' }, 403, 'origin-refused'],
  ['another port of the host', { origin: 'http://127.0.0.1:1' }, 403, 'origin-refused'],
  ['no origin', {}, 403, 'origin-refused'],
])('a session cookie does not open a WebSocket for a handshake with %s', async (what, asked, status, reason) => {
  const path = `/live/${what.replaceAll(' ', '-')}`
  const refused = await refusedSocket(node.port, path, { host, fields: cookies, ...asked })

  expect(refused.status).toBe(status)
  expect((await recordOf(path))['reason']).toBe(reason)
})

test('a WebSocket handshake without a session gets 401 and no redirect', async () => {
  const refused = await refusedSocket(node.port, '/live/anonymous', { host, origin: url })

  expect(refused.status).toBe(401)
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'login_required' })
})

test('if a WebSocket handshake has a session cookie and a token among the subprotocols, the cookie is ignored', async () => {
  const protocols = ['gatehouse', `gatehouse.bearer.${Buffer.from('not.a.token').toString('base64url')}`]
  const refused = await refusedSocket(node.port, '/live/both', { host, origin: url, fields: cookies, protocols })

  expect(refused.status).toBe(401)
})

test('a logout closes the WebSockets of the session with code 4401', async () => {
  const client = await openSocket(node.port, '/live/logout', { host, origin: url, fields: cookies })
  const page = await browser.visit(`${url}/.gatehouse/logout`, {
    method: 'POST',
    form: {},
    headers: { origin: url },
    redirects: 0,
  })

  expect(page.status).toBeLessThan(400)
  expect(await client.ended()).toEqual([4401, 'the authorization has ended'])
  expect((await (await service.socketAt('/live/logout')).ended())[0]).toBe(4401)
})
