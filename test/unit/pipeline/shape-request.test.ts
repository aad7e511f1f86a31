import { generateKeyPairSync } from 'node:crypto'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { AssertionSigner } from '../../../gateway/credentials/assertion.ts'
import { derivedFor } from '../../../gateway/credentials/derived.ts'
import type { Matched, Selected } from '../../../gateway/pipeline/exchange/exchange.ts'
import { continueTrace } from '../../../gateway/pipeline/phases/continue-trace.ts'
import { guardRequest } from '../../../gateway/pipeline/phases/guard-request.ts'
import { obtainCredential } from '../../../gateway/pipeline/phases/obtain-credential.ts'
import { shapeRequest } from '../../../gateway/pipeline/phases/shape-request.ts'
import { factsOf } from '../oauth/known-facts.ts'
import { policyOf, snapshotOf } from '../policy/policy-text.ts'
import { exchangeOf, type FieldLine } from './exchange-under-test.ts'

// docs/design/contract.md §6: the gate first removes fields that a client is not allowed to set, then adds its own
// fields.

const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
const signer = await AssertionSigner.create([{ id: 'k1', jwk: { ...jwk } }], { issuer: 'https://gate.example' })

interface Shaping {
  readonly method?: string
  readonly fields?: readonly FieldLine[]
  readonly address?: string
  /** Settings that replace those of the service in the policy. */
  readonly service?: object
  /** Claims of a verified token. Without claims, the request has no token. */
  readonly claims?: Record<string, unknown>
}

function selected({ service = {}, claims, ...request }: Shaping): Selected {
  const x = exchangeOf({ ...request, gate: { signer } })
  if (guardRequest.run(x) !== undefined) throw new Error('the request was to be lawful')
  const [route] = snapshotOf(policyOf({ r: { path: '/orders/**' } }, service)).routes
  x.route = route
  x.id = 'id-1'
  if (continueTrace.run(x as Matched) !== undefined) throw new Error('a trace refuses nothing')
  if (claims !== undefined) {
    const nowS = Math.floor(x.nowMs / 1000)
    x.facts = factsOf({ iat: nowS, exp: nowS + 600, ...claims }, x.nowMs)
    x.derived = derivedFor(x.facts, route!.service, () => new Set())
    x.credential = 'the.client.token'
  }
  return x as unknown as Selected
}

function shaped(shaping: Shaping): FieldLine[] {
  const x = selected(shaping)
  expect(obtainCredential.run(x)).toBeUndefined()
  expect(shapeRequest.run(x)).toBeUndefined()
  const { requestFields: flat } = x
  return Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n]!, flat[2 * n + 1]!] as const)
}

const valuesOf = (fields: readonly FieldLine[], name: string) =>
  fields.filter(([one]) => one === name).map(([, value]) => value)

const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('the service receives the traceparent, then the forwarded client fields in their order, then the fields of the gate', () => {
  const fields: FieldLine[] = [
    ['host', 'API.test:8080'],
    ['accept', '*/*'],
    ['authorization', 'Bearer a'],
    ['traceparent', trace],
    ['content-length', '2'],
    ['content-type', 'text/plain'],
    ['x-forwarded-for', '10.0.0.1'],
    ['accept', 'text/html'],
    ['origin', 'https://a.example'],
    ['via', '1.0 fred'],
    ['expect', '100-continue'],
  ]

  expect(shaped({ method: 'POST', fields })).toEqual([
    ['traceparent', trace],
    ['accept', '*/*'],
    ['content-type', 'text/plain'],
    ['accept', 'text/html'],
    ['origin', 'https://a.example'],
    ['x-request-id', 'id-1'],
    ['x-forwarded-for', '192.0.2.1'],
    ['x-forwarded-host', 'API.test:8080'],
    ['x-forwarded-proto', 'http'],
    ['forwarded', 'for=192.0.2.1;host="API.test:8080";proto=http'],
    ['via', '1.0 fred, 1.1 gatehouse'],
    ['host', 'API.test:8080'],
    ['content-length', '2'],
  ])
})

test.each([
  ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8::1', '"[2001:db8::1]"'],
])(
  'the gate sends the client address %s as %s in X-Forwarded-For and as %s in the `for` parameter of Forwarded',
  (address, plain, standard) => {
    const fields = shaped({ address })

    expect(valuesOf(fields, 'x-forwarded-for')).toEqual([plain])
    expect(valuesOf(fields, 'forwarded')).toEqual([`for=${standard};host="api.test";proto=http`])
  },
)

test.each([
  ['preserve', ['api.test']],
  ['upstream', []],
])(
  'with the service setting host: %s, the forwarded request has the Host fields %j ([]: added later from the upstream)',
  (host, given) => {
    const fields = shaped({ service: { host } })

    expect(valuesOf(fields, 'host')).toEqual(given)
    expect(valuesOf(fields, 'x-forwarded-host')).toEqual(['api.test'])
  },
)

test('the gate forwards the Content-Length of a request body, and sends none for a chunked body', () => {
  expect(valuesOf(shaped({ fields: [['content-length', '7']] }), 'content-length')).toEqual(['7'])
  expect(valuesOf(shaped({ fields: [['content-length', '0']] }), 'content-length')).toEqual(['0'])
  expect(valuesOf(shaped({ fields: [['transfer-encoding', 'chunked']] }), 'content-length')).toEqual([])
  expect(valuesOf(shaped({ fields: [['transfer-encoding', 'chunked']] }), 'transfer-encoding')).toEqual([])
})

test('the gate removes request fields that Connection names, except fields that the gate sets', () => {
  const ours = [
    'x-request-id',
    'x-forwarded-for',
    'forwarded',
    'via',
    'host',
    'traceparent',
    'x-gatehouse-jwt-assertion',
  ]
  const mine: FieldLine[] = [
    ['x-foo', '1'],
    ['cookie', 'a=1'],
    ['baggage', 'a=1'],
    ['tracestate', 'a=1'],
    ['traceparent', trace],
  ]
  const connection = [...ours, ...mine.map(([name]) => name), 'content-length'].join(', ')
  const fields = shaped({ fields: [...mine, ['connection', connection], ['content-length', '1']], claims: {} })

  for (const name of [...ours, 'content-length']) expect([name, valuesOf(fields, name).length]).toEqual([name, 1])
  for (const name of ['x-foo', 'cookie', 'baggage', 'tracestate', 'connection'])
    expect(valuesOf(fields, name)).toEqual([])
  expect(valuesOf(fields, 'traceparent')).not.toEqual([trace])
})

test.each([
  [['a=1'], ['a=1']],
  [['a=1; b=2', 'c=3'], ['a=1; b=2; c=3']],
  [[''], ['']],
  [[], []],
])('the gate forwards the Cookie fields %j as %j', (cookies, arrived) => {
  const fields = shaped({ fields: cookies.map((value): FieldLine => ['cookie', value]) })

  expect(valuesOf(fields, 'cookie')).toEqual(arrived)
})

test('the gate forwards a field value above ASCII with the same bytes', () => {
  const fields = shaped({
    fields: [
      ['x-name', 'José 😀'],
      ['cookie', 'é=1'],
      ['via', '1.1 é'],
    ],
  })

  for (const name of ['x-name', 'cookie', 'via']) expect(valuesOf(fields, name)[0]).toMatch(/^[\x00-\xff]*$/)
  expect(Buffer.from(valuesOf(fields, 'x-name')[0]!, 'latin1').toString()).toBe('José 😀')
  expect(Buffer.from(valuesOf(fields, 'cookie')[0]!, 'latin1').toString()).toBe('é=1')
  expect(Buffer.from(valuesOf(fields, 'via')[0]!, 'latin1').toString()).toBe('1.1 é, 1.1 gatehouse')
})

test.each([
  [true, [trace], ['a=1,b=2'], ['k=1,k=2']],
  [false, [expect.not.stringContaining(trace)], [], []],
])(
  'the gate forwards traceparent, tracestate and baggage of a client with trust_trace: true, and not with trust_trace: false (tested value: %s)',
  (trust, traceparent, tracestate, baggage) => {
    const lists: FieldLine[] = [
      ['tracestate', 'a=1'],
      ['tracestate', 'b=2'],
      ['baggage', 'k=1'],
      ['baggage', 'k=2'],
    ]
    const fields = shaped({ fields: [['traceparent', trace], ...lists], service: { trust_trace: trust } })

    expect(valuesOf(fields, 'traceparent')).toEqual(traceparent)
    expect(valuesOf(fields, 'tracestate')).toEqual(tracestate)
    expect(valuesOf(fields, 'baggage')).toEqual(baggage)
  },
)

test('on a public route, the gate sends the service no token, no assertion and no X-Auth-Request-* field', () => {
  for (const credentials of ['assertion', 'token', 'none']) {
    const fields = shaped({
      fields: [['authorization', 'Bearer a']],
      service: { credentials, auth_request_headers: true },
    })

    expect(fields.filter(([name]) => /^(authorization|x-gatehouse|x-auth)/.test(name))).toEqual([])
  }
})

test.each([
  ['token', [['authorization', 'Bearer the.client.token']]],
  ['none', []],
])('with the service setting credentials: %s, the service receives the credential fields %j', (credentials, given) => {
  const fields = shaped({ fields: [['authorization', 'Bearer a']], service: { credentials }, claims: {} })

  expect(fields.filter(([name]) => /^(authorization|x-gatehouse)/.test(name))).toEqual(given)
})

test('with the service setting credentials: assertion, the gate signs the assertion without waiting and reuses it for later requests', () => {
  const x = selected({ claims: {} })
  expect(obtainCredential.run(x)).toBeUndefined()
  expect(shapeRequest.run(x)).toBeUndefined()
  const assertion = x.requestFields.at(-1)!
  expect(obtainCredential.run(x)).toBeUndefined()
  expect(shapeRequest.run(x)).toBeUndefined()

  expect(decodeJwt(assertion)).toMatchObject({ sub: 'alice', aud: 'orders', iss: 'https://gate.example' })
  expect(x.requestFields.slice(-2)).toEqual(['x-gatehouse-jwt-assertion', assertion])
})

test.each([
  [
    'all claims',
    { email: 'a@b.c', preferred_username: 'al', groups: ['x', 'y'] },
    { user: 'alice', email: 'a@b.c', 'preferred-username': 'al', groups: 'x,y' },
  ],
  ['no claims', {}, { user: 'alice' }],
  ['groups as a text', { groups: 'x' }, { user: 'alice', groups: 'x' }],
  ['a group with a comma', { groups: ['x,admin', 'y', 7, null] }, { user: 'alice', groups: 'y' }],
  ['an empty list of groups', { groups: [] }, { user: 'alice' }],
  ['claims that are no text', { email: { a: 1 }, preferred_username: 7, groups: {} }, { user: 'alice' }],
  [
    'claims with a line end',
    { email: 'a\r\nx-admin: 1', preferred_username: 'a\nb', groups: ['x\r\ny'] },
    { user: 'alice' },
  ],
  [
    'claims with white space at an end',
    { email: 'a@b.c ', preferred_username: '\u00a0al', groups: [' x', 'y'] },
    { user: 'alice', groups: 'y' },
  ],
  ['claims with half a surrogate pair', { email: 'a\ud800', groups: ['\udc00', 'y'] }, { user: 'alice', groups: 'y' }],
  ['an empty claim', { email: '' }, { user: 'alice' }],
])('the gate sends X-Auth-Request-* fields for %s: the claims %j become the fields %j', (_what, claims, stated) => {
  const fields = shaped({ service: { auth_request_headers: true, credentials: 'none' }, claims })
  const prefix = 'x-auth-request-'

  expect(
    Object.fromEntries(
      fields.filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]),
    ),
  ).toEqual(stated)
})

test('the gate does not read an inherited property as a claim of the token', async () => {
  const x = selected({ service: { auth_request_headers: true, credentials: 'none' }, claims: {} })
  const claims = Object.create({ email: 'inherited@evil.example', groups: ['admin'] }) as Record<string, unknown>
  x.facts = { ...x.facts!, claims }
  await shapeRequest.run(x)

  expect(x.requestFields.filter((text) => text.startsWith('x-auth-request-'))).toEqual(['x-auth-request-user'])
})
