import { expect, test } from 'vitest'
import { HttpBrowser } from '../kit/http-browser.ts'
import { logIn, startLoginGate } from '../kit/login-gate.ts'
import { until } from '../kit/until.ts'
import { frameBytes } from '../kit/websocket-wire.ts'
import { openRaw, RawService, type RawStream } from './raw-streams.ts'

// A login session that its client does not use for session.idle (1 min, the lowest value) ends, with its streams. What a
// service sends is no use; what a client sends on a WebSocket is.
//
//   npm run chaos -- session-idle           about 75 s

const IDLE_MS = 60_000

const service = await RawService.start()
const gate = await startLoginGate({
  orders: service.url,
  login: { session: { idle: '1m', absolute: '30m' } },
  routes: [{ id: 'live', match: { path: '/live/**' }, require: { session: 'main' }, websocket: {} }],
  settings: { log: { access: true, format: 'json' } },
})
const host = new URL(gate.url).host

async function open(kind: RawStream['kind'], user: string): Promise<RawStream> {
  const browser = new HttpBrowser()
  expect((await logIn(browser, `${gate.url}/app/1`, user)).status).toBe(200)
  const fields = [`Host: ${host}`, `Origin: ${gate.url}`, `Cookie: ${browser.gateCookies.join('; ')}`]
  return openRaw(gate.node.port, kind, fields)
}

test('a login session whose event stream only sends data to the client ends after session.idle; a session whose client sends on a WebSocket continues', async () => {
  const used = await open('websocket', 'used')
  const idle = await open('events', 'idle')
  const openedAt = performance.now()
  const sending = setInterval(() => {
    service.sendToAll('from the service')
    used.socket.write(frameBytes({ opcode: 1, data: 'from the client' }))
  }, 1000)
  try {
    await until('the idle session ends its stream', () => idle.endedAt !== undefined, 2 * IDLE_MS)
    const lastedMs = idle.endedAt! - openedAt
    console.log({ lasted_s: lastedMs / 1000 })
    expect(idle.ending).toBe('complete')
    // The login before the stream was the last use of the session.
    expect(lastedMs).toBeGreaterThan(IDLE_MS - 10_000)
    const record = await gate.node.waitForRecord(({ reason }) => reason === 'stream-ended')
    expect(record).toMatchObject({ path: '/live/events', stream_end: 'session-ended' })

    await until(
      'the other stream is older than session.idle',
      () => performance.now() - openedAt > IDLE_MS + 10_000,
      2 * IDLE_MS,
    )
    const { bytes } = used
    await until('the WebSocket still relays', () => used.bytes > bytes)
    expect(used.endedAt).toBeUndefined()
  } finally {
    clearInterval(sending)
  }
})
