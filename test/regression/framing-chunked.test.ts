import { beforeAll, expect, test } from 'vitest'
import { connect, exchange, type RawExchange } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'
import { GateUnderAttack, type Witnessed } from './gate-under-attack.ts'
import { expectRefused } from './refusal.ts'

// A chunked body that the listener parses wrongly causes at most one exchange, and its connection carries no other
// (docs/design/attack-cases.md, "Framing and smuggling").

const chunkedForms = {
  'a chunk extension': '3;a=b\r\nabc\r\n0\r\n\r\n',
  'an extension of the last chunk': '3\r\nabc\r\n0;a\r\n\r\n',
  'an extension of the only chunk': '0;a\r\n\r\n',
  'a size of g': 'g\r\n0123456789abcdef\r\n0\r\n\r\n',
  'a size with a space before': ' 3\r\nabc\r\n0\r\n\r\n',
  'no size': '\r\nabc\r\n0\r\n\r\n',
  'lines that end in LF alone': '3\nabc\n0\n\n',
  'wrong bytes after the data': '3\r\nabcXX0\r\n\r\n',
  'a size of 2^64 + 3': '10000000000000003\r\nabc\r\n0\r\n\r\n',
  'a negative size': '-3\r\nabc\r\n0\r\n\r\n',
  'valid chunks': '3\r\nabc\r\n0\r\n\r\n',
}
const places = ['proxied', 'refused'] as const
const packets = ['in one packet', 'in several packets'] as const
/**
 * Trailers that look like a request line to uWebSockets.js, which drops two bytes after the last chunk. The method is
 * then GET, `:` or empty.
 */
const trailers = ['x:GET', 'xx:', 'x:', 'X-T: 1\r\nx:GET']

interface Case {
  readonly name: string
  /** Path of the request; the smuggled request has the same path followed by `/smuggled`. */
  readonly path: string
  readonly bytes: string | readonly string[]
}

function chunked(path: string, body: string, behind: string, split: boolean, ...fields: readonly string[]) {
  const head = [`POST ${path} HTTP/1.1`, 'Host: api.test', 'Transfer-Encoding: chunked', ...fields, '', ''].join('\r\n')
  return split ? [head, body, behind] : head + body + behind
}

function cross(
  number: string,
  forms: readonly string[],
  bytes: (form: string, path: string, split: boolean) => Case['bytes'],
) {
  return forms.flatMap((form, f) =>
    places.flatMap((place) =>
      packets.map((packet, p): Case => {
        const path = `/${place === 'proxied' ? 'public' : 'admin'}/${number}-${f}-${p}`
        return { name: `${form}, ${place}, ${packet}`, path, bytes: bytes(form, path, packet === 'in several packets') }
      }),
    ),
  )
}

const authorization = { value: '' }
const hidden = (path: string) => `GET ${path}/smuggled HTTP/1.1\r\nHost: api.test\r\n${authorization.value}\r\n`

const bodies = () =>
  cross('s007', Object.keys(chunkedForms), (form, path, split) =>
    chunked(path, chunkedForms[form as keyof typeof chunkedForms], hidden(path), split),
  )
const trailing = () =>
  cross('s009', trailers, (form, path, split) => {
    const rest = `${form} ${path}/smuggled HTTP/1.1\r\nHost: a\r\n${authorization.value}\r\n`
    return split ? chunked(path, '3\r\nabc\r\n0\r\n', rest, true) : chunked(path, '3\r\nabc\r\n0\r\n', rest, false)
  })
const unannounced = () =>
  cross('s008', ['X-T: 1', 'Content-Length: 9', 'Transfer-Encoding: chunked'], (form, path, split) =>
    chunked(path, '3\r\nabc\r\n0\r\n', `${form}\r\n\r\n`, split),
  )

let gate: GateUnderAttack
let witnessed: Promise<Witnessed & { result: Map<string, RawExchange> }>

// All attacks run concurrently, because many of them end only at the idle timeout of the listener.
beforeAll(async () => {
  gate = await GateUnderAttack.start({ settings: { request: { idle: '8s' } } })
  const token = gate.token('orders:admin')
  authorization.value = `Authorization: Bearer ${token}\r\n`
  // The gate caches the token from now on, so that it would admit a smuggled request without waiting.
  await gate.attack(`GET /admin/known HTTP/1.1\r\nHost: api.test\r\n${authorization.value}\r\n`)
  const cases = [...bodies(), ...trailing(), ...unannounced()]
  witnessed = gate.witness(async () => {
    const attacks = cases.map(async ({ path, bytes }) => {
      const exchanged = await exchange(gate.port, bytes, { replies: 'all' })
      return [path, exchanged] as const
    })
    return new Map(await Promise.all(attacks))
  })
})

/**
 * Expects at most one exchange, at most one request to the service, no reply to another request, and a closed
 * connection.
 */
async function expectContained({ path }: Case): Promise<void> {
  const { result, records, requests } = await witnessed
  const { replies, ending } = result.get(path)!
  const refused = path.startsWith('/admin/')

  expect(ending).not.toBe('open')
  expect(records.filter((record) => String(record['path']).startsWith(`${path}/`))).toEqual([])
  expect(requests.filter(({ url }) => url.startsWith(`${path}/`))).toEqual([])
  expect(records.filter((record) => record['path'] === path)).toHaveLength(1)
  expect(requests.filter(({ url }) => url === path).length).toBeLessThanOrEqual(refused ? 0 : 1)
  expect(replies.length).toBeLessThanOrEqual(1)
  // Status 408: the listener waited in vain for the rest of a chunk.
  expect([undefined, 505, 400, 408, refused ? 401 : 200]).toContain(replies[0]?.status)
  if (replies[0]?.status === 200) expect(replies[0].json()).toMatchObject({ url: path })
}

test.each(bodies())('S-007 the gate reads no part after a chunked body as a request: $name', expectContained)

test.each(unannounced())(
  'S-008 the gate closes the connection after a trailer that was not announced: $name',
  expectContained,
)

test.each(unannounced().filter(({ name }) => name.endsWith('proxied, in one packet')))(
  'the gate replies 505 to an admitted upload with a trailer that was not announced in the same packet, and logs trailer-after-body: $name',
  async ({ path }) => {
    const { records, result } = await witnessed

    expect(result.get(path)!.replies[0]?.status).toBe(505)
    expect(records.filter((record) => record['path'] === path)).toMatchObject([
      { decision: 'broken', reason: 'trailer-after-body', status: 505, bytes_in: 3 },
    ])
  },
)

test('the gate logs client-gone when a client disconnects after its chunked body', async () => {
  const { handler } = gate.orders
  const { records } = await gate.witness(async () => {
    // The service never replies, so that only the client can end the exchange.
    gate.orders.handler = () => new Promise(() => {})
    const wire = await connect(gate.port)
    await wire.send(chunked('/public/left', '3\r\nabc\r\n0\r\n\r\n', '', false))
    await until('the service has received the request', () =>
      gate.orders.requests.some(({ url }) => url === '/public/left'),
    )
    gate.orders.handler = handler
    wire.close()
    await gate.node.waitForRecord((record) => record['path'] === '/public/left')
  })

  expect(records.map(({ reason }) => reason)).toEqual(['client-gone'])
})

test.each([
  ['X-T', ''],
  ['x-t, authorization', 'X-T: 1\r\n'],
  ['', ''],
])('S-008 the gate rejects an announced trailer (Trailer: %s) before it arrives', async (names, section) => {
  const refusal = { reason: 'trailer-announced' }
  const head = chunked('/public/announced', '', '', false, `Trailer: ${names}`) as string

  expectRefused(await gate.attack(head), refusal)
  expectRefused(await gate.attack(`${head}3\r\nabc\r\n0\r\n${section}\r\n`), { ...refusal, more: true })
})

test.each(trailing())('S-009 the gate never reads a trailer as a request: $name', expectContained)

const post = (framing: string) => `POST /admin/early HTTP/1.1\r\nHost: api.test\r\n${framing}\r\n\r\n`

test('S-010 when the gate rejects a request before its chunked body is complete, it never reads the body as a request', async () => {
  const bytes = (body: string) => [
    post('Transfer-Encoding: chunked'),
    `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
  ]
  for (const body of [hidden('/admin/early'), hidden('/admin/early').repeat(2)]) {
    for (const pieces of [bytes(body), [bytes(body).join('')], [...bytes(body), hidden('/admin/early')]]) {
      const { replies, ending, records, requests } = await gate.attack(pieces, { replies: 'all' })

      expect(records).toMatchObject([{ path: '/admin/early', reason: 'credential-missing', status: 401 }])
      expect(requests).toEqual([])
      expect(ending).not.toBe('open')
      // Bytes that arrive after the end of the connection reset it, and the client loses a reply that it has not read yet.
      if (pieces.length > 1 && replies.length === 0 && ending === 'reset') continue
      expect(replies).toMatchObject([{ status: 401 }])
      expect(replies[0]!.all('connection')).toEqual(['close'])
    }
  }
})

test('S-010 when the gate rejects a request before its body with Content-Length is complete, it reads the body and never takes it for a request', async () => {
  for (const body of [hidden('/admin/early'), hidden('/admin/early').repeat(2)]) {
    const bytes = [post(`Content-Length: ${body.length}`), body]
    for (const pieces of [bytes, [bytes.join('')]]) {
      const { replies, records, requests } = await gate.attack(pieces)

      expect(records).toMatchObject([{ path: '/admin/early', reason: 'credential-missing', status: 401 }])
      expect(requests).toEqual([])
      expect(replies).toMatchObject([{ status: 401 }])
    }
  }
})
