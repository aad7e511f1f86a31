import { expect, test } from 'vitest'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'
import { type Framing, framingFields, madeBody, sendPaced, sha256 } from './paced-body.ts'

// A request body reaches the service unchanged and with the framing of the client: the same Content-Length, or chunked.

const upstream = await startUpstream()
const node = await startPublicNode([upstream.url], {
  routes: [{ id: 's', match: { path: '/s/**' }, require: 'public', body: { max: '64MiB' } }],
})

const framings: Framing[] = ['length', 'chunked']
const sizes = [1, 2, 15, 16, 17, 1000, 16_384, 65_535, 65_536, 65_537, 1_000_000]

/** Returns the request with this query, which is unique because the tests run concurrently. */
const received = (query: string) => {
  const found = upstream.requests.filter(({ url }) => url.endsWith(`?${query}`))
  expect(found).toHaveLength(1)
  return found[0]!
}

function expectFraming(query: string, framing: Framing, bytes: number): void {
  const fields = received(query)
  expect(fields.all('content-length')).toEqual(framing === 'length' ? [String(bytes)] : [])
  expect(fields.all('transfer-encoding')).toEqual(framing === 'chunked' ? ['chunked'] : [])
}

test.concurrent.each(framings.flatMap((framing) => sizes.map((bytes) => ({ framing, bytes }))))(
  'an upload of $bytes bytes (framing: $framing) reaches the service unchanged, sent in one packet with the head or in separate packets',
  async ({ framing, bytes }) => {
    const body = madeBody(bytes)
    for (const apart of [false, true]) {
      const query = `${framing}-${bytes}-${apart}`
      const head = Buffer.from(`POST /s/1?${query} HTTP/1.1\r\nHost: api.test\r\n${framingFields(framing, bytes)}\r\n`)
      const content =
        framing === 'length' ? [body] : [Buffer.from(`${bytes.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]

      const reply = await request(node.port, apart ? [head, ...content] : Buffer.concat([head, ...content]))

      expect(reply.status).toBe(200)
      expect(reply.json()).toMatchObject({ body: { bytes, sha256: sha256(body) } })
      expectFraming(query, framing, bytes)
    }
  },
)

test.each(framings)(
  'an upload of 20 MB that the client sends at 50 MB/s reaches the service unchanged (framing: %s)',
  async (framing) => {
    const body = madeBody(20_000_000)
    const wire = await connect(node.port)
    await wire.send(
      `PUT /s/1?large-${framing} HTTP/1.1\r\nHost: api.test\r\n${framingFields(framing, body.length)}\r\n`,
    )
    await sendPaced(wire, body, framing)

    const reply = await readReply(wire)
    expect(reply?.json()).toMatchObject({ method: 'PUT', body: { bytes: body.length, sha256: sha256(body) } })
    expectFraming(`large-${framing}`, framing, body.length)
  },
)

test.concurrent.each(framings)(
  'an upload sent byte by byte reaches the service unchanged (framing: %s)',
  async (framing) => {
    const body = madeBody(60)
    const bytes = framing === 'length' ? body : Buffer.from(`3c\r\n${body.toString('latin1')}\r\n0\r\n\r\n`, 'latin1')
    const head = `POST /s/1?bytewise-${framing} HTTP/1.1\r\nHost: api.test\r\n${framingFields(framing, 60)}\r\n`

    const reply = await request(node.port, [head, ...Array.from(bytes, (byte) => Buffer.of(byte))])

    expect(reply.json()).toMatchObject({ body: { bytes: 60, sha256: sha256(body) } })
    expectFraming(`bytewise-${framing}`, framing, 60)
  },
)

test.concurrent('an upload in chunks of six different sizes reaches the service unchanged', async () => {
  const pieces = ['a', 'bb', 'c'.repeat(15), 'd'.repeat(16), 'e'.repeat(4096), 'f'.repeat(70_000)]
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')

  const reply = await request(
    node.port,
    `POST /s/1?several HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
  )

  expect(reply.json()).toMatchObject({ body: { sha256: sha256(Buffer.from(pieces.join(''))) } })
})

test.concurrent.each([
  { title: 'Content-Length: 0', fields: 'Content-Length: 0\r\n', rest: '', length: ['0'], coding: [] },
  {
    title: 'an empty chunked body',
    fields: 'Transfer-Encoding: chunked\r\n',
    rest: '0\r\n\r\n',
    length: [],
    coding: ['chunked'],
  },
  { title: 'no body', fields: '', rest: '', length: ['0'], coding: [] },
])(
  'POST with $title reaches the service with an empty body and the right framing',
  async ({ title, fields, rest, length, coding }) => {
    const query = title.replaceAll(/\W/g, '')
    const reply = await request(node.port, `POST /s/1?${query} HTTP/1.1\r\nHost: api.test\r\n${fields}\r\n${rest}`)

    expect(reply.json()).toMatchObject({ body: { bytes: 0 } })
    expect(received(query).all('content-length')).toEqual(length)
    expect(received(query).all('transfer-encoding')).toEqual(coding)
  },
)

test.concurrent.each(framings)(
  'the gate forwards GET and DELETE requests with a body (framing: %s)',
  async (framing) => {
    for (const method of ['GET', 'DELETE']) {
      const query = `${method}-${framing}`
      const body = framing === 'length' ? 'hello' : '5\r\nhello\r\n0\r\n\r\n'
      const head = `${method} /s/1?${query} HTTP/1.1\r\nHost: api.test\r\n${framingFields(framing, 5)}\r\n`

      const reply = await request(node.port, head + body)

      expect(reply.json()).toMatchObject({ method, body: { bytes: 5, sha256: sha256(Buffer.from('hello')) } })
      expectFraming(query, framing, 5)
    }
  },
)

test.concurrent('one client connection carries 20 uploads by Content-Length, and each upload gets its own reply', async () => {
  const wire = await connect(node.port)
  for (let n = 1; n <= 20; n++) {
    const body = madeBody(n * 1000)
    await wire.send(requestBytes({ method: 'POST', target: `/s/1?kept-${n}`, body }))
    const reply = await readReply(wire)
    expect(reply?.json()).toMatchObject({ body: { bytes: body.length, sha256: sha256(body) } })
    expect(reply?.field('connection')).toBeUndefined()
  }
})

test.concurrent('the access log has the body bytes of request and reply', async () => {
  const reply = await request(
    node.port,
    requestBytes({ method: 'POST', target: '/s/1?logged', body: 'x'.repeat(1234) }),
  )
  const record = await node.waitForRecord(({ id }) => id === reply.field('x-request-id'))

  expect(record).toMatchObject({ bytes_in: 1234, bytes_out: reply.body.length, decision: 'admitted' })
})
