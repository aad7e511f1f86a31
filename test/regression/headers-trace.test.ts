import { beforeAll, expect, test } from 'vitest'
import { requestBytes } from '../kit/raw-client.ts'
import type { ReceivedRequest } from '../kit/upstream.ts'
import { GateUnderAttack } from './gate-under-attack.ts'

// The gate continues the trace and the request id of a client only if they are well-formed, and a trace only if the
// service trusts it. The gate replaces malformed ones without an error (docs/design/attack-cases.md, "Headers and
// spoofing").

let gate: GateUnderAttack
let untrusting: GateUnderAttack

beforeAll(async () => {
  gate = await GateUnderAttack.start()
  untrusting = await GateUnderAttack.start({
    services: {
      fresh: {
        upstreams: [gate.orders.url],
        trust_trace: false,
        routes: [{ id: 'fresh', match: { path: '/fresh' }, require: 'public' }],
      },
    },
  })
})

type Field = readonly [name: string, value: string]

async function received(fields: readonly Field[], target = '/public/x', at = gate): Promise<ReceivedRequest> {
  const reply = await at.ask(requestBytes({ target, fields }))
  const request = gate.orders.requests.at(-1)!

  expect(reply.status).toBe(200)
  expect(request.url).toBe(target)
  return request
}

const trace = '0af7651916cd43dd8448eb211c80319c'
const span = 'b7ad6b7169203331'
const good = `00-${trace}-${span}-01`
const wellFormed = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/

test.each([good, `00-${trace}-${span}-00`, `cc-${trace}-${span}-01-what-comes-later`])(
  'S-044 the gate continues a valid traceparent: %s',
  async (traceparent) => {
    expect((await received([['traceparent', traceparent]])).all('traceparent')).toEqual([traceparent])
  },
)

test.each([
  '',
  'garbage',
  `ff-${trace}-${span}-01`,
  `00-${'0'.repeat(32)}-${span}-01`,
  `00-${trace}-${'0'.repeat(16)}-01`,
  `00-${trace.toUpperCase()}-${span}-01`,
  `00-${trace}-${span}-01-more`,
  `00-${trace}-${span}`,
  `00-${trace}-${span}-zz`,
  `0-${trace}-${span}-01`,
  `${good}, ${good}`,
  `${good}\xc3\xa9x`,
  `00-${trace}-${span}-01${'0'.repeat(4000)}`,
])('S-044 the gate replaces an invalid traceparent by a new trace: %s', async (traceparent) => {
  const request = await received([
    ['traceparent', traceparent],
    ['tracestate', 'a=1'],
  ])

  expect(request.all('traceparent')).toEqual([expect.stringMatching(wellFormed)])
  expect(request.all('traceparent')[0]).not.toContain(trace)
  expect(request.all('tracestate')).toEqual([])
})

// Some letters have code points that end in the bytes of CR and LF. Truncated to one byte each, these letters would end
// the field.
test.each([
  'X-Gatehouse-Jwt-Assertion: forged',
  '\u010d\u010aGET /smuggled HTTP/1.1\u010d\u010aHost: x\u010d\u010a\u010d\u010a',
])('S-044 the gate ignores extra members of a later traceparent version: %j', async (more) => {
  const traceparent = Buffer.from(`cc-${trace}-${span}-01-\u010d\u010a${more}`).toString('latin1')
  const request = await received([['traceparent', traceparent]])

  expect(request.all('x-gatehouse-jwt-assertion')).toEqual([])
  expect(request.all('traceparent')).toEqual([expect.stringMatching(wellFormed)])
})

test.each([2, 3, 4])(
  'S-044 the gate ignores all %i traceparent fields of a request that has several',
  async (count) => {
    const request = await received(Array.from({ length: count }, (): Field => ['traceparent', good]))

    expect(request.all('traceparent')).toEqual([expect.stringMatching(wellFormed)])
    expect(request.all('traceparent')).not.toEqual([good])
  },
)

const members = (count: number) => Array.from({ length: count }, (_, n) => `a${n}=${n}`).join(',')

test.each([
  ['one member', ['a=1'], ['a=1']],
  ['32 members', [members(32)], [members(32)]],
  ['33 members', [members(33)], []],
  ['40 members', [members(40)], []],
  ['40 members in 40 lines', members(40).split(','), []],
  ['512 bytes', [`a=${'x'.repeat(510)}`], [`a=${'x'.repeat(510)}`]],
  ['513 bytes', [`a=${'x'.repeat(511)}`], []],
  ['two lines of 300 bytes', [`a=${'x'.repeat(298)}`, `b=${'x'.repeat(298)}`], []],
  ['two short lines', ['a=1', 'b=2'], ['a=1,b=2']],
  ['20 kB', [`a=${'x'.repeat(20_000)}`], []],
])('S-044 the gate continues tracestate only up to 32 members and 512 bytes: %s', async (_what, sent, arrived) => {
  const request = await received([['traceparent', good], ...sent.map((value): Field => ['tracestate', value])])

  expect(request.all('traceparent')).toEqual([good])
  expect(request.all('tracestate')).toEqual(arrived)
})

test('S-044 the gate does not forward tracestate without traceparent', async () => {
  expect((await received([['tracestate', 'a=1']])).all('tracestate')).toEqual([])
})

test.each([
  ['one member', ['a=1'], ['a=1']],
  ['8 kB', [`a=${'x'.repeat(8190)}`], [`a=${'x'.repeat(8190)}`]],
  ['8 kB and a byte', [`a=${'x'.repeat(8191)}`], []],
  ['20 kB', [`a=${'x'.repeat(20_000)}`], []],
  ['three lines of 5 kB', Array.from({ length: 3 }, (_, n) => `k${n}=${'x'.repeat(5000)}`), []],
  ['two short lines', ['a=1', 'b=2'], ['a=1,b=2']],
])('S-044 the gate forwards baggage only up to 8 KiB: %s', async (_what, sent, arrived) => {
  const request = await received(sent.map((value): Field => ['baggage', value]))

  expect(request.all('baggage')).toEqual(arrived)
})

test('S-044 a service with `trust_trace: false` gets a new trace, and no tracestate or baggage of the client', async () => {
  const fields: readonly Field[] = [
    ['traceparent', good],
    ['tracestate', 'a=1'],
    ['baggage', 'a=1'],
  ]
  const request = await received(fields, '/fresh', untrusting)

  expect(request.all('traceparent')).toEqual([expect.stringMatching(wellFormed)])
  expect(request.all('traceparent')).not.toEqual([good])
  expect([...request.all('tracestate'), ...request.all('baggage')]).toEqual([])
})

// If the log record had the client's trace id although no service trusts client traces, any client could add log records
// to a trace.
test.each([
  ['a request to an unknown path', requestBytes({ target: '/nowhere', fields: [['traceparent', good]] })],
  [
    'a request with an unknown method',
    requestBytes({ method: 'DELETE', target: '/.gatehouse/session', fields: [['traceparent', good]] }),
  ],
  ['a request to an ambiguous path', requestBytes({ target: '/public/../x', fields: [['traceparent', good]] })],
])(
  'S-044 the log record of %s has the trace id of the client only if every service trusts client traces',
  async (_what, bytes) => {
    const [trusted, other] = [await gate.attack(bytes), await untrusting.attack(bytes)]

    expect(trusted.records).toMatchObject([{ decision: 'refused', trace_id: trace }])
    expect(other.records).toMatchObject([{ decision: 'refused' }])
    expect(other.records[0]!['trace_id']).toBeUndefined()
  },
)

test.each(['a', 'A-z_0.9', 'x'.repeat(128), '7f3c-11'])('S-045 the gate continues the request id %s', async (id) => {
  const { replies, records, requests } = await gate.attack(
    requestBytes({ target: '/public/x', fields: [['X-Request-Id', id]] }),
  )

  expect(requests[0]!.all('x-request-id')).toEqual([id])
  expect(replies[0]!.field('x-request-id')).toBe(id)
  expect(records).toMatchObject([{ id }])
})

test.each([
  ['4 kB', ['x'.repeat(4096)]],
  ['129 characters', ['x'.repeat(129)]],
  ['no characters', ['']],
  ['text with a quote', ['a"b']],
  ['text with a backslash', ['a\\b']],
  ['text with a space', ['a b']],
  ['text with a tab', ['a\tb']],
  ['non-ASCII letters', ['a\xc3\xa9b']],
  ['text with a line separator', ['a\xe2\x80\xa8b']],
  ['part of a log line', ['","decision":"admitted']],
  ['markup', ['<script>']],
  ['two fields', ['one', 'two']],
  ['three fields', ['one', 'two', 'three']],
])('S-045 the gate replaces a request id of %s by a generated id', async (_what, ids) => {
  const fields = ids.map((id): Field => ['X-Request-Id', id])
  const { replies, records, requests } = await gate.attack(requestBytes({ target: '/public/x', fields }))
  const own = replies[0]!.field('x-request-id')!

  expect(own).toMatch(/^[A-Za-z0-9]{8}-[0-9a-z]+$/)
  expect(requests[0]!.all('x-request-id')).toEqual([own])
  expect(records).toMatchObject([{ id: own }])
  expect(ids).not.toContain(own)
})

test.each(['a\x1b[31mb', 'a\x00b', 'a\nb'])(
  'S-045 a request id with a control character gets 400, and the gate neither logs nor forwards the request: %j',
  async (id) => {
    const { replies, records, requests } = await gate.attack(
      requestBytes({ target: '/public/x', fields: [['X-Request-Id', id]] }),
    )

    expect(replies[0]?.status).toBe(400)
    expect([...records, ...requests]).toEqual([])
  },
)

test('S-045 the gate forwards no other spelling of X-Request-Id from a client', async () => {
  const request = await received([
    ['X_Request_Id', 'forged'],
    ['X.Request.Id', 'forged'],
    ['x-request_id', 'forged'],
  ])

  expect(request.fields.filter(([, value]) => value === 'forged')).toEqual([])
  expect(request.all('x-request-id')).toHaveLength(1)
})
