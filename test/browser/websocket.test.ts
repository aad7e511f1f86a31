// Chromium opens WebSockets at the gate: with a session cookie, and with the client that docs/guide/streams.md shows.

import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { gateCookies, logIn, startChromium } from '../kit/chromium.ts'
import { documented } from '../kit/documented.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startLoginGate } from '../kit/login-gate.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { until } from '../kit/until.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

const service = await WebSocketService.start()
const live = { id: 'live', match: { path: '/live/**' }, require: { session: 'main' }, websocket: {} }
const [browser, gate] = await Promise.all([
  startChromium(),
  startLoginGate({
    orders: service.url,
    routes: [live],
    settings: { log: { access: true, format: 'json' } },
  }),
])
const recordOf = (path: string) => gate.node.waitForRecord((record) => record['path'] === path)

/** Opens a WebSocket in the page, sends a message, and returns the reply, or the close code. */
function exchange(page: Page, path: string): Promise<string | number> {
  return page.evaluate(`new Promise((resolve) => {
    const socket = new WebSocket(${JSON.stringify(gate.url.replace('http', 'ws') + path)})
    socket.onopen = () => socket.send('hello')
    socket.onmessage = ({ data }) => resolve(data)
    socket.onclose = ({ code }) => resolve(code)
  })`)
}

test('a page of the gate opens a WebSocket with the session cookie of the browser', async () => {
  const page = await (await browser.newContext()).newPage()
  await logIn(page, `${gate.url}/app/`)

  expect(await exchange(page, '/live/own')).toBe('hello')
  const { request } = await service.socketAt('/live/own')
  expect(request.headers.origin).toBe(gate.url)
  expect(request.headers.cookie ?? '').not.toContain('gatehouse')
  await page.context().close()
  expect(await recordOf('/live/own')).toMatchObject({ status: 101, subject: 'alice' })
})

test('a page of another origin opens no WebSocket with the session cookie of the browser', async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await logIn(page, `${gate.url}/app/`)
  // The issuer has another port of the same host, so the browser sends the cookies of the gate to its pages' requests.
  await page.goto(`${gate.provider.url}/session/end`)
  expect(await gateCookies(context)).toHaveLength(1)

  expect(await exchange(page, '/live/foreign')).toBe(1006)
  expect(await recordOf('/live/foreign')).toMatchObject({ status: 403, reason: 'origin-refused' })
  await context.close()
})

test('the documented client reconnects with a new token after 4401 and after a lost connection, and ends after 4403', async () => {
  const issuer = await startIssuer()
  const require = { scopes: { all: ['live'] } }
  const node = await startNode({
    policy: testPolicy({
      issuer: issuer.url,
      orders: service.url,
      main: { clock_tolerance: '0s' },
      ordersEntry: {
        routes: [
          { id: 'live', match: { path: '/live/**' }, require, websocket: { token_in_protocol: true } },
          { id: 'public', match: { path: '/public/**' }, require: 'public' },
        ],
      },
    }),
  })
  const page = await (await browser.newContext()).newPage()
  await page.goto(`http://127.0.0.1:${node.port}/public/page`)
  const asked: boolean[] = []
  await page.exposeFunction('getToken', (renew: boolean) => {
    asked.push(renew)
    const expiresInS = asked.length === 1 ? 5 : 600
    return issuer.sign({ claims: { scope: 'live', exp: Math.floor(Date.now() / 1000) + expiresInS } })
  })
  await page.evaluate(`${documented('guide/streams.md', 'js client', {})}
    globalThis.received = []
    void keepOpen('ws://' + location.host + '/live/client', getToken, (socket) => {
      socket.onmessage = ({ data }) => received.push(data)
      socket.onopen = () => socket.send('opened')
    }).then((code) => { globalThis.endedWith = code })`)
  const received = () => page.evaluate('received.length') as Promise<number>
  const last = () => service.sockets.findLast(({ request }) => request.url === '/live/client')!

  await until('the WebSocket with the second token', async () => (await received()) === 2)
  expect(asked).toEqual([false, true])
  expect(await node.waitForRecord(({ path }) => path === '/live/client')).toMatchObject({ close_code: 4401 })

  last().ws.terminate()
  await until('the WebSocket after a lost one', async () => (await received()) === 3)
  expect(asked).toEqual([false, true, false])

  last().ws.close(4403)
  await until('the end of the client', async () => (await page.evaluate('globalThis.endedWith')) === 4403)
  await page.context().close()
})
