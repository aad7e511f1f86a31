import { beforeAll, expect, test } from 'vitest'
import { connect } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { GateUnderAttack } from './gate-under-attack.ts'
import { expectRefused } from './refusal.ts'

// uWebSockets.js trims bytes of 0x80 and above from both ends of a field value (docs/reference/wire.md, "Bytes that the
// listener removes"). The gate cannot detect this, so these tests pin the behaviour. The gate rejects such bytes inside
// a value that it reads.

let gate: GateUnderAttack
let token: string
beforeAll(async () => {
  const tenant = {
    id: 'tenant',
    match: { path: '/tenant/**' },
    require: { headers: { 'X-Tenant': { any: ['acme'] } } },
  }
  gate = await GateUnderAttack.start({
    services: { tenants: { upstreams: ['http://127.0.0.1:9'], credentials: 'none', routes: [tenant] } },
    settings: { proxies: ['127.0.0.9'] },
  })
  token = gate.token('orders:read')
})

const get = (path: string, ...fields: readonly string[]) => [`GET ${path} HTTP/1.1`, ...fields, '', ''].join('\r\n')
const high = Array.from({ length: 128 }, (_, i) => String.fromCharCode(0x80 + i))

test('uWebSockets.js trims space, tab and every byte above 0x7F from both ends of a field value, and no byte inside', async () => {
  const wire = await connect(gate.port)
  const { requests } = await gate.witness(async () => {
    for (const byte of [...high, ' ', '\t', '\x80 \xff\t']) {
      const fields = ['Host: api.test', `X-Start: ${byte}v`, `X-End: v${byte}`, `X-Middle: v\xc3\xa9v`]
      await wire.send(get('/public/bytes', ...fields))
      expect((await readReply(wire))?.status).toBe(200)
    }
    wire.close()
  })

  expect(requests).toHaveLength(131)
  for (const request of requests) {
    expect(request.all('x-start')).toEqual(['v'])
    expect(request.all('x-end')).toEqual(['v'])
    expect(request.all('x-middle')).toEqual(['v\xc3\xa9v'])
  }
})

test.each([
  ['Host', () => get('/public/x', 'Host: api.test\xc3\xa9'), 200],
  ['a token', () => get('/orders/x', 'Host: api.test', `Authorization: Bearer ${token}\xff`), 200],
  ['Content-Length', () => `${get('/public/x', 'Host: api.test', 'Content-Length: 2\xff')}ok`, 200],
  [
    'a required header',
    () => get('/tenant/x', 'Host: api.test', `Authorization: Bearer ${token}`, 'X-Tenant: acme\xff'),
    502,
  ],
] as const)(
  'uWebSockets.js removes bytes from the end of %s before the gate reads the request',
  async (_, bytes, status) => {
    const { replies, requests } = await gate.attack(bytes())

    expect(replies).toMatchObject([{ status }])
    if (status === 200) expect(requests[0]!.all('host')).toEqual(['api.test'])
  },
)

const field = (line: string) => get('/public/x', 'Host: api.test', line)

test.each([
  ['Host', get('/public/x', 'Host: a\xc3\xa9.test'), 'host-malformed'],
  ['Content-Length', `${field('Content-Length: 2\xc2\xa02')}ok`, 'framing-length'],
  ['Transfer-Encoding', field('Transfer-Encoding: chun\xe2\x84\xaaed'), 'framing-encoding'],
  ['Connection', field('Connection: close\xc2\xa0, x'), 'field-value'],
  ['Origin', field('Origin: https://a\xc3\xa9.example'), 'field-value'],
  ['Upgrade', field('Upgrade: web\xc2\xa0socket'), 'field-value'],
  ['DPoP', field('DPoP: a\xc3\xa9b'), 'field-value'],
  ['Expect', field('Expect: 100\xc2\xa0-continue'), 'expectation-unknown'],
  ['an invalid byte in any field', field('X-Any: a\xffb'), 'field-value'],
])('the gate rejects a byte above 0x7F inside a field value: %s', async (_, bytes, reason) => {
  const attack = await gate.attack(bytes)

  const status = reason === 'expectation-unknown' ? 417 : 400
  const code = status === 417 ? 'expectation_failed' : 'bad_request'
  expectRefused(attack, { reason, status, code, more: /content-length/i.test(bytes) })
})

test('the gate rejects U+00A0 before the last member of a forwarding field from a trusted proxy', async () => {
  const forwarded = (name: string, value: string) => gate.attack(field(`${name}: ${value}`), { from: '127.0.0.9' })

  for (const [name, value] of [
    ['X-Forwarded-Proto', 'http,\xc2\xa0https'],
    ['X-Forwarded-Host', 'a.example,\xc2\xa0b.example'],
    ['X-Forwarded-For', '10.0.0.1,\xc2\xa010.0.0.2'],
  ] as const) {
    expectRefused(await forwarded(name, value), { reason: 'forwarded-malformed' })
  }
})

test('the gate rejects a request whose required header value is a list member after U+00A0', async () => {
  const { replies, records } = await gate.attack(
    get('/tenant/x', 'Host: api.test', `Authorization: Bearer ${token}`, 'X-Tenant: other,\xc2\xa0acme'),
  )

  expect(replies).toMatchObject([{ status: 403 }])
  expect(records).toMatchObject([{ reason: 'header-mismatch' }])
})
