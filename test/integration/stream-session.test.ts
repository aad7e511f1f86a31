import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, startLoginGate } from '../kit/login-gate.ts'
import { connect, requestBytes } from '../kit/raw-client.ts'
import type { Wire } from '../kit/wire.ts'

// A stream of a login session lasts as long as the session, however often its access token is refreshed.

const replies: ServerResponse[] = []

const gate = await startLoginGate({ login: { scopes: ['openid', 'offline_access', 'orders:read'] } })
gate.orders.handler = ({ url }, response) => {
  if (!url.startsWith('/app/events')) return void response.end('page')
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('data: begun\n\n')
  replies.push(response)
}

interface Opened {
  readonly browser: HttpBrowser
  readonly wire: Wire
  readonly reply: ServerResponse
}

async function open(accessTokenS: number): Promise<Opened> {
  gate.provider.accessTokenS = accessTokenS
  const browser = new HttpBrowser()
  expect((await logIn(browser, `${gate.url}/app/1`)).status).toBe(200)
  const wire = await connect(gate.node.port)
  const host = new URL(gate.url).host
  const fields = [['Cookie', browser.gateCookies.join('; ')]] as const
  await wire.send(requestBytes({ target: '/app/events', host, fields }))
  await wire.until('data: begun\n\n')
  return { browser, wire, reply: replies.at(-1)! }
}

const refreshes = () => gate.provider.requests.filter((each) => each === 'POST /token').length

async function goesOn({ wire, reply }: Opened, text: string): Promise<void> {
  reply.write(`data: ${text}\n\n`)
  await wire.until(`data: ${text}\n\n`)
}

test('a stream continues beyond the expiry of its access token, which the node refreshes, and ends at the logout', async () => {
  const opened = await open(4)
  const before = refreshes()
  await expect.poll(refreshes, { timeout: 30_000 }).toBeGreaterThan(before + 1)
  await goesOn(opened, 'after two refreshes')

  const page = await opened.browser.visit(`${gate.url}/.gatehouse/logout`, {
    method: 'POST',
    headers: { origin: gate.url },
    redirects: 0,
  })
  expect(page.status).toBeLessThan(400)
  expect((await opened.wire.until('0\r\n\r\n')).toString('latin1')).toBe('\r\n0\r\n\r\n')
  const record = await gate.node.waitForRecord(({ reason }) => reason === 'stream-ended')
  expect(record).toMatchObject({ stream_end: 'session-ended', path: '/app/events' })
})
