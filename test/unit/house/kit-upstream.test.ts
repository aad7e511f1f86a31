import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connect, exchange, request, requestBytes } from '../../kit/raw-client.ts'
import { rawUpstream } from '../../kit/raw-upstream.ts'
import { startUpstream } from '../../kit/upstream.ts'

// The test upstreams record the exact bytes that the gate sends, and cause faults only on request.

const get = requestBytes({ target: '/' })

test('the test upstream records a request byte for byte as it was sent', async () => {
  const upstream = await startUpstream()
  const bytes = 'POST /a?b=%20 HTTP/1.1\r\nhost: x\r\nX-Two: 1\r\nx-two: 2\r\nContent-Length: 5\r\n\r\nhello'

  const reply = await request(upstream.port, bytes)
  const received = await upstream.next()

  expect(received).toMatchObject({ method: 'POST', url: '/a?b=%20', bodyBytes: 5, aborted: false, connection: 0 })
  expect(received.fields).toEqual([
    ['host', 'x'],
    ['X-Two', '1'],
    ['x-two', '2'],
    ['Content-Length', '5'],
  ])
  expect(received.body.toString()).toBe('hello')
  expect(reply.json()).toEqual({
    method: 'POST',
    url: '/a?b=%20',
    headers: received.fields,
    body: { bytes: 5, sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' },
  })
})

test('the test upstream replies with its handler, and counts connections', async () => {
  const upstream = await startUpstream({
    handler: (_received, response) => void response.writeHead(418, { 'x-tea': 'pot' }).end('short'),
  })

  const first = await exchange(upstream.port, [get, get], { replies: 2 })
  await exchange(upstream.port, get)

  expect(first.replies.map(({ status, text }) => [status, text])).toEqual([
    [418, 'short'],
    [418, 'short'],
  ])
  expect(first.replies[0]!.field('X-Tea')).toBe('pot')
  expect(upstream.requests.map(({ connection }) => connection)).toEqual([0, 0, 1])
  expect(upstream.connections).toBe(2)
})

test('the test upstream aborts the reply when its handler throws', async () => {
  const upstream = await startUpstream({
    handler: (_received, response) => {
      response.write('half')
      throw new Error('by intent')
    },
  })

  const { replies } = await exchange(upstream.port, get)

  expect(replies.every(({ complete }) => !complete)).toBe(true)
  expect(await upstream.next()).toMatchObject({ aborted: true })
})

test('the test upstream records a client that disconnects before the end of the body as aborted', async () => {
  const upstream = await startUpstream()
  const wire = await connect(upstream.port)
  await wire.send('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
  while (upstream.requests[0]?.bodyBytes !== 4) await sleep(5)

  wire.reset()

  expect(await upstream.next()).toMatchObject({ bodyBytes: 4, aborted: true })
})

test("the test upstream records requests that Node's HTTP parser rejects", async () => {
  const upstream = await startUpstream()

  await exchange(upstream.port, 'GET / HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n')

  expect(upstream.malformed).toEqual([expect.stringMatching(/^HPE_/)])
  expect(upstream.requests).toEqual([])
})

test('the test upstream returns requests in order, and waits for a request up to its deadline', async () => {
  const upstream = await startUpstream()

  await request(upstream.port, requestBytes({ target: '/1' }))
  await request(upstream.port, requestBytes({ target: '/2' }))

  expect([(await upstream.next()).url, (await upstream.next()).url]).toEqual(['/1', '/2'])
  await expect(upstream.next(20)).rejects.toThrow('waited 20 ms for request 2 ')
})

test('a stopped test upstream refuses connections', async () => {
  const upstream = await startUpstream()

  await upstream.stop()

  await expect(connect(upstream.port)).rejects.toThrow('ECONNREFUSED')
})

test('a raw upstream sends the same reply to each request, and records all bytes', async () => {
  const upstream = await rawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')

  const { replies } = await exchange(upstream.port, [get, get], { replies: 2 })

  expect(replies.map(({ text }) => text)).toEqual(['ok', 'ok'])
  expect(upstream.received.map(String)).toEqual([`${get}${get}`])
  expect(upstream.failures).toEqual([])
})

test('a raw upstream runs a script that depends on the number of the connection', async () => {
  const upstream = await rawUpstream(async (wire, index) => {
    await wire.until('\r\n\r\n')
    if (index === 0) wire.reset()
    else await wire.send(['HTTP/1.1 200 OK\r\n', 'Content-Length: 9\r\n\r\n', 'short'])
  })

  const reset = await exchange(upstream.port, get)
  const short = await exchange(upstream.port, get)

  expect(reset).toEqual({ replies: [], ending: 'reset' })
  expect(short.replies).toMatchObject([{ framing: 'length', complete: false }])
  expect(short.ending).toBe('ended')
  expect(upstream.received).toHaveLength(2)
})

test('a raw upstream records the bytes that arrive after its script has ended, and the errors of the script', async () => {
  const upstream = await rawUpstream(async (wire) => {
    await wire.until('\r\n\r\n', 20)
  })
  const wire = await connect(upstream.port)
  await wire.rest()

  await wire.send('too late')
  wire.finish()

  await expect.poll(() => upstream.received.map(String)).toEqual(['too late'])
  expect(upstream.failures).toEqual([expect.objectContaining({ message: expect.stringContaining('waited 20 ms') })])
})
