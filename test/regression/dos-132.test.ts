import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { residentMiB } from '../integration/data-plane-node.ts'
import { KeepAliveLoad } from '../integration/keep-alive-load.ts'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'
import { startTokenProcess } from './token-node.ts'

// S-132: many clients send or read slowly at the same time. The gate closes their connections and serves other clients
// meanwhile. `GATEHOUSE_SLOW_CONNECTIONS` sets the number of slow connections (default 500).

const connections = Number(process.env['GATEHOUSE_SLOW_CONNECTIONS'] ?? 500)
const large = Buffer.alloc(12 * 1024 * 1024, 'large ')

const upstream = await startUpstream({
  handler: async (received, response) => {
    // The service replies only after the whole body, because an early reply would end a slow upload.
    await received.over
    if (received.url.includes('large')) response.end(large)
    else response.end('small')
  },
})
const { node, token } = await startTokenProcess(upstream.url, {
  settings: { request: { idle: '8s' } },
  entry: { timeouts: { first_byte: '5m', idle: '5m' } },
})

const authorized = `Host: api.test\r\nAuthorization: Bearer ${token}\r\n`
const head98 = Array.from({ length: 96 }, (_, n) => `X-${n}: ${'v'.repeat(60)}\r\n`).join('')

/**
 * Kinds of slow clients. `first` is sent immediately and `drips` every second. `few` limits a kind to the first ten
 * rounds.
 */
const kinds: readonly { readonly first: string; readonly drips?: string; readonly few?: true }[] = [
  { first: '' },
  { first: 'GET /s/1 HT' },
  { first: `GET /s/1 HTTP/1.1\r\n${authorized}X-A: `, drips: 'a' },
  { first: `GET /s/1 HTTP/1.1\r\n${authorized}${head98}`.slice(0, 6000), drips: 'b' },
  { first: `GET /s/1 HTTP/1.1\r\n${authorized}`, drips: 'X-B: 1\r\n' },
  { first: `POST /s/body HTTP/1.1\r\n${authorized}Content-Length: 100000\r\n\r\n`, drips: 'c' },
  { first: `POST /s/body HTTP/1.1\r\n${authorized}Transfer-Encoding: chunked\r\n\r\n`, drips: '1\r\nd\r\n' },
  { first: `POST /s/refused HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100000\r\n\r\n`, drips: 'e' },
  // Used only in the first ten rounds, because each such client fills the socket buffers of the kernel on both sides.
  { first: `GET /s/large HTTP/1.1\r\n${authorized}\r\n`, few: true },
  { first: `GET /s/large?chunked HTTP/1.1\r\n${authorized}\r\n`, few: true },
]

/**
 * Sends `drips` every second, 12 times or until the gate closes the connection. Reads nothing, because a client that
 * reads is not slow.
 */
async function dripped(wire: Wire, drips: string | undefined): Promise<void> {
  for (let n = 0; n < 12 && drips !== undefined && wire.ending === 'open'; n++) {
    await sleep(1000)
    await wire.send(drips)
  }
  if (drips === undefined) await sleep(12_000)
}

test(`S-132 the gate closes ${connections} slow connections and serves other clients meanwhile`, {
  timeout: 120_000,
}, async () => {
  const before = residentMiB(node)
  const load = new KeepAliveLoad({
    port: node.port,
    connections: 4,
    pauseMs: 20,
    request: (number) => requestBytes({ target: `/s/good/${number}`, token }),
    faultOf: ({ status, text }) => (status === 200 && text === 'small' ? undefined : `${status} ${text}`),
  })
  const wires: Wire[] = []
  const slow: Promise<void>[] = []
  for (let n = 0; n < connections; n++) {
    const kind = kinds[n % kinds.length]!
    const { first, drips } = kind.few === true && n >= 10 * kinds.length ? kinds[0]! : kind
    const wire = await connect(node.port)
    await wire.send(first)
    wires.push(wire)
    slow.push(dripped(wire, drips))
  }
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, residentMiB(node) - before)
  }, 250)
  await Promise.all(slow)
  const ended = (why: string): number => node.accessLog().filter(({ reason }) => reason === why).length
  // The clients must not read before the gate has detected all stalled readers, because a client that reads is not
  // slow.
  await until('the 20 stalled readers are cut off', () => ended('reader-stalled') === 20)
  // Reads each connection to its end, which shows whether the gate closed the connection.
  await Promise.all(wires.map((wire) => wire.rest(60_000)))
  clearInterval(watch)
  const { good, failures } = await load.stop()

  expect(wires.filter(({ ending }) => ending === 'open')).toEqual([])
  expect(failures).toEqual([])
  expect(good).toBeGreaterThan(100)
  expect(most).toBeLessThan(200)
  const each = Math.floor(connections / kinds.length)
  expect(ended('upload-stalled')).toBeGreaterThanOrEqual(2 * each)
  expect(ended('reader-stalled')).toBe(20)
  expect(ended('credential-missing')).toBeGreaterThanOrEqual(each)
})

test.each([
  ['98 header fields', `${authorized}${head98}`],
  ['8 KB in 250 cookies', `${authorized}Cookie: ${`a=${'b'.repeat(29)}; `.repeat(249)}c=d\r\n`],
  ['a Range of 1,000 parts', `${authorized}Range: bytes=${'0-1,'.repeat(999)}2-3\r\n`],
])('S-132 the gate admits a request with %s', async (_what, fields) => {
  const wire = await connect(node.port)
  await wire.send(`GET /s/1 HTTP/1.1\r\n${fields}\r\n`)

  expect((await wire.until('small')).toString('latin1')).toMatch(/^HTTP\/1\.1 200 /)
})
