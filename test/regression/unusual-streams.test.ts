import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startTokenNode } from './token-node.ts'

// Exchanges that take long. `request.idle` limits only the time that the gate waits for the client. While the gate
// waits for a service, only the `timeouts` of the service and the route apply.

// The tests run concurrently because they mostly wait.
vi.setConfig({ testTimeout: 60_000 })

/**
 * Time in ms that is longer than `request.idle`. The setting is 8 s, which the listener rounds to a timeout between 4
 * and 8 s.
 */
const longMs = 11_000
const upstream = await startUpstream({
  handler: async (received, response) => {
    await received.over
    if (received.url.includes('late')) await sleep(longMs)
    if (!received.url.includes('events')) return void response.end('at last')
    // `timeouts.idle` does not end event streams.
    response.writeHead(200, { 'content-type': received.url.includes('short') ? 'text/plain' : 'text/event-stream' })
    response.flushHeaders()
    if (received.url.includes('silent-first')) await sleep(longMs)
    response.write('data: first\n\n')
    await sleep(received.url.includes('short') ? 3000 : longMs)
    response.end('data: last\n\n')
  },
})
const scope = { scopes: { all: ['orders:read'] } }
const { node, token } = await startTokenNode(upstream.url, {
  settings: { request: { idle: '8s' } },
  entry: {
    timeouts: { idle: '1s' },
    routes: [
      { id: 's', match: { path: '/s/**' }, require: scope },
      { id: 'patient', match: { path: '/s/patient/**' }, require: scope, timeouts: { idle: '1h' } },
    ],
  },
})
const limitMs = 60_000

test.concurrent('the gate relays an event stream that is silent between events for longer than request.idle', async () => {
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: '/s/patient/events', token, fields: [['Accept', 'text/event-stream']] }))
  await wire.until('data: first\n\n')

  expect((await wire.until('data: last\n\n', limitMs)).toString('latin1')).toContain('data: last')
  expect((await wire.until('0\r\n\r\n')).toString('latin1').trim()).toBe('0')
})

test.concurrent('the gate relays an event stream that is silent before its first event for longer than request.idle', async () => {
  const reply = await request(node.port, requestBytes({ target: '/s/patient/events?silent-first', token }), { limitMs })

  expect(reply).toMatchObject({ status: 200, text: 'data: first\n\ndata: last\n\n', complete: true })
})

test.concurrent('the gate breaks a reply off when the service is silent for longer than timeouts.idle, and logs reply-broken', async () => {
  const reply = await request(node.port, requestBytes({ target: '/s/events?short', token }), { limitMs })

  expect(reply).toMatchObject({ status: 200, text: 'data: first\n\n', complete: false })
  const record = await node.waitForRecord(({ path }) => path === '/s/events')
  expect(record).toMatchObject({ decision: 'broken', reason: 'reply-broken' })
})

test.concurrent('the gate relays a reply that the service starts later than request.idle (long polling)', async () => {
  expect(await request(node.port, requestBytes({ target: '/s/late', token }), { limitMs })).toMatchObject({
    status: 200,
    text: 'at last',
  })
})

test.concurrent('the gate relays a reply to an upload that the service starts later than request.idle', async () => {
  const bytes = requestBytes({ method: 'POST', target: '/s/late', token, body: Buffer.alloc(300_000) })

  expect(await request(node.port, bytes, { limitMs })).toMatchObject({ status: 200, text: 'at last' })
})

test.concurrent('a client connection stays usable after a reply that the service started later than request.idle', async () => {
  const wire = await connect(node.port)
  for (const target of ['/s/late', '/s/now']) {
    await wire.send(requestBytes({ target, token }))
    expect((await wire.until('at last', limitMs)).toString('latin1')).toMatch(/^HTTP\/1\.1 200 /)
  }
})
