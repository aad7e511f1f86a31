import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// A reply that stays open (server-sent events) reaches the client event by event. No event waits for the next one,
// and the gate relays the end of the stream.

const streams: ServerResponse[] = []
const upstream = await startUpstream({
  handler: (_received, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    response.write(': welcome\n\n')
    streams.push(response)
  },
})
const node = await startPublicNode([upstream.url])

test('the gate sends each server-sent event to the client before the service sends the next, and then the end of the stream', async () => {
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: '/s/events', fields: [['Accept', 'text/event-stream']] }))

  const head = (await wire.until('\r\n\r\n')).toString('latin1')
  expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(head).toContain('text/event-stream')
  await wire.until(': welcome\n\n')
  for (let n = 0; n < 50; n++) {
    streams[0]!.write(`id: ${n}\ndata: event ${n}\n\n`)
    expect((await wire.until(`data: event ${n}\n\n`)).toString('latin1')).toContain(`id: ${n}\n`)
  }
  expect(await wire.quiet(100)).toBe(true)
  streams[0]!.end()
  expect((await wire.until('0\r\n\r\n')).toString('latin1').trim()).toBe('0')
})

test('the gate does not mix the events of concurrent event streams', async () => {
  streams.length = 0
  const wires = await Promise.all(Array.from({ length: 5 }, () => connect(node.port)))
  for (const [n, wire] of wires.entries()) {
    await wire.send(requestBytes({ target: `/s/events?${n}` }))
    await wire.until(': welcome\n\n')
  }
  for (let round = 0; round < 10; round++) {
    for (const [n, stream] of streams.entries()) stream.write(`data: ${n} ${round}\n\n`)
    for (const [n, wire] of wires.entries()) {
      expect((await wire.until('\n\n')).toString('latin1')).toContain(`data: ${n} ${round}\n\n`)
    }
  }
})

test('the gate ends the event stream at the service when the client disconnects', async () => {
  streams.length = 0
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: '/s/events?leaving' }))
  await wire.until(': welcome\n\n')

  wire.close()

  const received = upstream.requests.find(({ url }) => url.endsWith('?leaving'))!
  await expect.poll(() => received.aborted).toBe(true)
})
