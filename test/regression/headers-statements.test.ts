import { beforeAll, expect, test } from 'vitest'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import type { ReceivedRequest } from '../kit/upstream.ts'
import { GateUnderAttack, scope } from './gate-under-attack.ts'
import { expectNothingThrough, expectRefused } from './refusal.ts'

// Fields about a client that only the gate may set reach a service from the gate alone, and only once
// (docs/design/attack-cases.md, "Headers and spoofing").

let gate: GateUnderAttack
/**
 * A second gate, whose services get other credentials. The upstream of each service is the `orders` service of `gate`,
 * which records requests.
 */
let variants: GateUnderAttack

beforeAll(async () => {
  gate = await GateUnderAttack.start()
  variants = await GateUnderAttack.start({
    services: {
      names: {
        upstreams: [gate.orders.url],
        auth_request_headers: true,
        routes: [{ id: 'names', match: { path: '/names' }, require: scope('orders:read') }],
      },
      nothing: {
        upstreams: [gate.orders.url],
        credentials: 'none',
        routes: [{ id: 'nothing', match: { path: '/nothing' }, require: scope('orders:read') }],
      },
      token: {
        upstreams: [gate.orders.url],
        credentials: 'token',
        routes: [
          { id: 'token', match: { path: '/token' }, require: scope('orders:read') },
          { id: 'token.public', match: { path: '/token/public' }, require: 'public' },
        ],
      },
      inner: {
        upstreams: [gate.orders.url],
        routes: [{ id: 'inner', match: { path: '/inner' }, require: 'public', addresses: { allow: ['10.0.0.0/8'] } }],
      },
    },
  })
})
type Field = readonly [name: string, value: string]

/** Sends these fields to the gate. @returns the request that the service received */
async function received(
  target: string,
  fields: readonly Field[],
  at = gate,
  token = at.token('orders:read'),
): Promise<ReceivedRequest> {
  const before = gate.orders.requests.length
  const reply = await at.ask(requestBytes({ target, fields, ...(token === '' ? {} : { token }) }))
  const [request, ...more] = gate.orders.requests.slice(before)

  expect(reply.status).toBe(200)
  expect(request?.url).toBe(target)
  expect(more).toEqual([])
  return request!
}

/** Returns all fields that a lenient reader could take for `name`, ignoring case and separators. */
function alike({ fields }: ReceivedRequest, name: string): Field[] {
  return fields.filter(([one]) => one.toLowerCase().replaceAll(/[^a-z0-9]/g, '-') === name)
}

const forged = 'forged-by-the-client'
const spellings = (name: string) => [
  name,
  name.toUpperCase(),
  name.replaceAll('-', '_'),
  name.replaceAll('-', '.'),
  name.replaceAll('-', '~'),
  name.replaceAll('-', '*'),
  name.replace('-', '_'),
  name.replace(/-(?=[^-]*$)/, '_'),
]

const identity = [
  'x-gatehouse-jwt-assertion',
  'x-gatehouse-subject',
  'x-gatehouse-',
  'x-auth-request-user',
  'x-auth-request-email',
  'x-auth-request-preferred-username',
  'x-auth-request-groups',
  'x-auth-request-access-token',
]
const forgeries: readonly Field[] = identity.flatMap((name) => spellings(name).map((one): Field => [one, forged]))

/** Splits the fields into lists of at most 80, below the maximum number of fields that the listener accepts. */
function inParts(fields: readonly Field[]): Field[][] {
  return Array.from({ length: Math.ceil(fields.length / 80) }, (_, part) => fields.slice(part * 80, part * 80 + 80))
}

test('S-035 the gate forwards no spelling of an identity field that a client sends, even if the gate adds no such field itself', async () => {
  for (const part of inParts(forgeries)) {
    for (const [target, at, token] of [
      ['/orders/1', gate, undefined],
      ['/public/1', gate, ''],
      ['/names', variants, undefined],
      ['/nothing', variants, undefined],
      ['/token', variants, undefined],
      ['/token/public', variants, undefined],
    ] as const) {
      const request = await received(target, part, at, token)

      expect(request.fields.filter(([, value]) => value.includes(forged))).toEqual([])
    }
  }
})

test('S-035 the identity fields of the gate reach the service once, whatever the client sent', async () => {
  const sent = [
    ['X-Gatehouse-Jwt-Assertion', forged],
    ['X_Auth_Request.Email', forged],
  ] as const
  const assertion = alike(await received('/orders/1', sent), 'x-gatehouse-jwt-assertion')
  const token = variants.issuer.sign({ claims: { email: 'alice@good.example' } })
  const names = await received('/names', sent, variants, token)

  expect(assertion).toHaveLength(1)
  expect(assertion[0]![1]).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  expect(alike(names, 'x-auth-request-email')).toEqual([['x-auth-request-email', 'alice@good.example']])
  expect(alike(names, 'x-auth-request-user')).toEqual([['x-auth-request-user', 'alice']])
  expect(alike(names, 'x-gatehouse-jwt-assertion')).toHaveLength(1)
})

test('S-035 the gate sends neither token nor assertion to a service with `credentials: none`', async () => {
  const request = await received('/nothing', [], variants)

  expect(alike(request, 'authorization')).toEqual([])
  expect(request.fields.filter(([name]) => /gatehouse|auth-request/.test(name))).toEqual([])
})

test('S-035 the gate forwards a token only after verification, and only to a service with `credentials: token`', async () => {
  const token = variants.token('orders:read')

  expect(alike(await received('/token', [], variants, token), 'authorization')).toEqual([
    ['authorization', `Bearer ${token}`],
  ])
  expect(alike(await received('/token/public', [], variants, token), 'authorization')).toEqual([])
  expect(alike(await received('/orders/1', []), 'authorization')).toEqual([])
  expect(alike(await received('/public/1', [['DPoP', 'proof']]), 'dpop')).toEqual([])
})

const ours = [
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'forwarded',
  'via',
  'host',
  'traceparent',
]

test.each([
  'close, X-Gatehouse-Jwt-Assertion, X-Forwarded-For, X-Request-Id, X-Foo',
  'X-Foo, x-gatehouse-jwt-assertion,X-FORWARDED-FOR,,Forwarded, Via, Host, Traceparent, Content-Length',
  'authorization, keep-alive, x-foo, x-forwarded-proto, x-forwarded-host, transfer-encoding',
  'x-foo , , x-request-id\t,\t*',
])(
  'S-036 for Connection: %s the gate removes the client fields that the value names, but no field that the gate adds',
  async (value) => {
    const fields: readonly Field[] = [
      ['Connection', value],
      ['X-Foo', forged],
      ['X-Bar', 'stays'],
      ['X-Request-Id', 'named-by-the-client'],
      ['Via', '1.1 named'],
    ]
    const request = await received('/orders/1', fields)

    for (const name of [...ours, 'x-gatehouse-jwt-assertion'])
      expect([name, alike(request, name).length]).toEqual([name, 1])
    expect(request.all('x-foo')).toEqual([])
    expect(request.all('x-bar')).toEqual(['stays'])
    const named = (name: string) => value.toLowerCase().includes(name)
    expect(request.all('x-request-id')[0] === 'named-by-the-client').toBe(!named('x-request-id'))
    expect(request.all('via')).toEqual([named('via') ? '1.1 gatehouse' : '1.1 named, 1.1 gatehouse'])
  },
)

test('S-036 the gate reads several Connection lines as one case-insensitive list', async () => {
  const fields: readonly Field[] = [
    ['X-A', forged],
    ['Connection', 'x-a'],
    ['x-b', forged],
    ['connection', 'keep-alive, X-B'],
    ['Cookie', forged],
    ['Connection', 'cookie'],
    ['X-C', 'stays'],
  ]
  const request = await received('/public/1', fields)

  expect(request.fields.filter(([, field]) => field === forged)).toEqual([])
  expect(request.all('x-c')).toEqual(['stays'])
})

test('S-036 the gate joins the Via fields of earlier proxies and its own Via in one line', async () => {
  const request = await received('/public/1', [
    ['Via', '1.0 a'],
    ['Via', '1.1 b'],
  ])

  expect(request.all('via')).toEqual(['1.0 a, 1.1 b, 1.1 gatehouse'])
})

test('S-036 the gate does not continue a traceparent that the client names in Connection', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const request = await received('/public/1', [
    ['Connection', 'traceparent'],
    ['traceparent', traceparent],
    ['tracestate', 'a=1'],
  ])

  expect(request.all('traceparent')).toHaveLength(1)
  expect(request.all('traceparent')).not.toEqual([traceparent])
  expect(request.all('tracestate')).toEqual([])
})

test.each([
  ['Keep-Alive', 'timeout=5'],
  ['TE', 'trailers'],
  ['Proxy-Authorization', 'Basic YTpi'],
  ['Proxy-Connection', 'keep-alive'],
  ['Proxy_Authorization', 'Basic YTpi'],
  ['Proxy', 'http://evil.example'],
  ['HTTP2-Settings', 'AAMAAABkAARAAAAAAAIAAAAA'],
  ['Keep_Alive', 'timeout=5'],
  ['Upgrade', 'h2c'],
  ['Expect', '100-continue'],
])('S-036 the gate does not forward the hop-by-hop field %s', async (name, value) => {
  const request = await received('/public/1', [[name, value]])

  expect(request.fields.filter(([one, field]) => field === value && one !== 'connection')).toEqual([])
})

test('S-037 the gate ignores an address that a client claims in a field: the service and the address rules get the real address', async () => {
  const fields: readonly Field[] = [
    ['X-Forwarded-For', '10.0.0.1'],
    ['x_forwarded_for', '10.0.0.2'],
    ['Forwarded', 'for=10.0.0.1'],
    ['X-Real-IP', '10.0.0.1'],
    ['X-Client-IP', '10.0.0.1'],
    ['True-Client-IP', '10.0.0.1'],
  ]
  const { replies, records, ...seen } = await variants.attack(requestBytes({ target: '/inner', fields }))
  const request = await received('/public/1', fields)

  expectNothingThrough(seen)
  expect(replies[0]).toMatchObject({ status: 403 })
  expect(replies[0]!.json()).toMatchObject({ code: 'forbidden' })
  expect(replies[0]!.all('www-authenticate')).toEqual([])
  expect(records).toMatchObject([{ reason: 'address-denied', address: '127.0.0.1' }])
  expect(alike(request, 'x-forwarded-for')).toEqual([['x-forwarded-for', '127.0.0.1']])
  expect(alike(request, 'forwarded')).toEqual([['forwarded', 'for=127.0.0.1;host="api.test";proto=http']])
  expect(request.fields.filter(([name, value]) => /ip$/i.test(name) || value.includes('10.0.0.'))).toEqual([])
})

const statements = [
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-Uri',
  'X-Forwarded-Method',
  'X-Forwarded-Server',
  'X-Original-URL',
  'X-Original-Method',
  'X-Rewrite-URL',
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'X-Real-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'X-Envoy-Original-Path',
  'X-Envoy-Original-Dst-Host',
  'X-Envoy-External-Address',
  'X-Envoy-Internal',
  'X-Envoy-Upstream-Rq-Timeout-Ms',
  'X-Envoy-Max-Retries',
  'X-Original-URI',
  'X-Original-Forwarded-For',
  'X-Original-Host',
  'X-Host',
  'X-Scheme',
  'X-Url-Scheme',
  'Front-End-Https',
  'X-Remote-IP',
  'X-Remote-Addr',
  'X-ProxyUser-Ip',
  'Fastly-Client-IP',
  'WL-Proxy-Client-IP',
  'X-Azure-ClientIP',
  'X-Azure-SocketIP',
  'Client-IP',
  'Remote-User',
  'Remote-Groups',
  'Remote-Email',
  'Remote-Name',
  'X-Remote-User',
  'X-Remote-Group',
  'X-WebAuth-User',
  'SSL-Client-Verify',
  'SSL-Client-Cert',
  'X-SSL-Client-Verify',
  'X-SSL-Cert',
  'X-Amzn-Oidc-Data',
  'X-Amzn-Oidc-Identity',
  'X-Goog-Authenticated-User-Email',
  'X-Goog-Authenticated-User-Id',
  'X-Goog-Iap-Jwt-Assertion',
  'X-MS-Client-Principal',
  'X-MS-Client-Principal-Name',
  'X-Pomerium-Jwt-Assertion',
  'X-Pomerium-Claim-Email',
  'X-Consumer-Username',
  'X-Consumer-Custom-Id',
  'CF-Access-Jwt-Assertion',
  'X-Remote-Extra-Scopes',
  'X-Amzn-Mtls-Clientcert',
  'X-Authentik-Username',
  'WL-Proxy-SSL',
]

test.each(statements)('S-039 the gate ignores the client field %s and removes or replaces it', async (name) => {
  const value = name.includes('Method') ? 'DELETE' : name === 'X-Forwarded-Proto' ? 'https' : '/admin/forged'
  for (const one of spellings(name)) {
    const request = await received('/public/1', [[one, value]])

    expect([request.method, request.url]).toEqual(['GET', '/public/1'])
    expect(alike(request, name.toLowerCase()).map(([, field]) => field)).toEqual(
      { 'X-Forwarded-Proto': ['http'], 'X-Forwarded-Host': ['api.test'] }[name] ?? [],
    )
  }
})

test('S-039 the gate protects a route, whatever URL, method or host a client claims in fields', async () => {
  const fields = statements.map((name): Field => [name, name.includes('Method') ? 'GET' : '/public/x'])
  const { replies, records, ...seen } = await gate.attack(
    requestBytes({ method: 'DELETE', target: '/admin/x', fields }),
  )

  expectNothingThrough(seen)
  expect(replies).toMatchObject([{ status: 401 }])
  expect(records).toMatchObject([{ path: '/admin/x', method: 'DELETE', reason: 'credential-missing' }])
})

test.each([
  ['/.gatehouse/check', 403, 'check-unlisted'],
  ['/.gatehouse/check/orders/1', 403, 'check-unlisted'],
  ['/oauth2/auth', 403, 'check-unlisted'],
  ['/.gatehouse', 404, 'route-unknown'],
  ['/.gatehouse/', 404, 'route-unknown'],
  ['/%2egatehouse/check', 404, 'route-unknown'],
])('S-040 the gate evaluates no forward-auth check of a client: %s gets %i', async (target, status, reason) => {
  const fields: readonly Field[] = [
    ['X-Forwarded-Uri', '/public/x'],
    ['X-Forwarded-Method', 'GET'],
    ['X-Original-URL', '/public/x'],
  ]
  const token = gate.token('orders:read', 'orders:admin')
  const { replies, records, ...seen } = await gate.attack(requestBytes({ target, fields, token }))

  expectNothingThrough(seen)
  expect(replies).toMatchObject([{ status }])
  expect(records).toMatchObject([{ decision: 'refused', reason }])
})

test.each([
  ['User-Agent', 'GoogleHC/1.0'],
  ['User-Agent', 'kube-probe/1.31'],
  ['User-Agent', 'ELB-HealthChecker/2.0'],
  ['X-Health-Check', '1'],
  ['Referer', 'http://127.0.0.1/'],
  ['Origin', 'null'],
  ['X-Requested-With', 'XMLHttpRequest'],
])('S-042 the request field %s: %s does not bypass authentication', async (name, value) => {
  const { replies, records, ...seen } = await gate.attack(
    requestBytes({ target: '/orders/1', fields: [[name, value]] }),
  )

  expectNothingThrough(seen)
  expect(replies[0]).toMatchObject({ status: 401 })
  expect(replies[0]!.all('www-authenticate')[0]).not.toContain('error=')
  expect(replies[0]!.all('www-authenticate')[0]).toMatch(/^Bearer resource_metadata="http/)
  expect(records).toMatchObject([{ reason: 'credential-missing' }])
})

test('S-043 the gate does not forward a client certificate that a client claims in a field', async () => {
  const fields = ['Client-Cert', 'Client-Cert-Chain', 'client_cert', 'Client.Cert.Chain', 'Client-Cert'].map(
    (name): Field => [name, ':MIIB:'],
  )
  const request = await received('/public/1', fields)

  expect(request.fields.filter(([name]) => /client.cert/i.test(name))).toEqual([])
})

test.each([
  [['a=1'], 'a=1'],
  [['a=1; b=2', 'c=3'], 'a=1; b=2; c=3'],
  [['z=1', 'y=2', 'x=3', 'a=4'], 'z=1; y=2; x=3; a=4'],
  [['a="q;r"', 'b=\xc3\xa9x'], 'a="q;r"; b=\xc3\xa9x'],
])('S-046 the gate forwards cookies in one field, in order: %j', async (cookies, arrived) => {
  const request = await received(
    '/public/1',
    cookies.map((cookie): Field => ['Cookie', cookie]),
  )

  expect(request.all('cookie')).toEqual([arrived])
})

/** Builds a header of the PROXY protocol, version 2. */
function proxyFrame(verb: number, family: number, body: readonly number[]): Buffer {
  const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
  return Buffer.from([...signature, verb, family, body.length >> 8, body.length & 0xff, ...body])
}

const v4 = [10, 0, 0, 1, 127, 0, 0, 1, 0, 80, 0, 80]
const v6 = [...Array.from({ length: 15 }, () => 0), 1, ...Array.from({ length: 16 }, () => 0), 0, 80, 0, 80]
const frames: readonly (readonly [string, Buffer])[] = [
  ['TCP over IPv4', proxyFrame(0x21, 0x11, v4)],
  ['TCP over IPv6', proxyFrame(0x21, 0x21, v6)],
  ['UDP over IPv4', proxyFrame(0x21, 0x12, v4)],
  ['LOCAL with an address', proxyFrame(0x20, 0x11, v4)],
]

test.each(frames)('the gate rejects a PROXY protocol header if proxy_protocol is off: %s', async (_what, frame) => {
  const bytes = Buffer.concat([frame, requestBytes({ target: '/public/x' })])

  expectRefused(await gate.attack(bytes), { reason: 'proxied-address' })
  expectRefused(await variants.attack(Buffer.concat([frame, requestBytes({ target: '/inner' })])), {
    reason: 'proxied-address',
  })
})

test('the gate rejects a PROXY protocol header before the second request of a connection', async () => {
  const wire = await connect(gate.port)
  const { result, records } = await gate.witness(async () => {
    await wire.send(requestBytes({ target: '/public/first' }))
    const first = await readReply(wire)
    await wire.send(Buffer.concat([frames[0]![1], requestBytes({ target: '/public/second' })]))
    return [first?.status, (await readReply(wire))?.status]
  })
  wire.close()

  expect(result).toEqual([200, 400])
  expect(records.map(({ reason }) => reason)).toEqual(['admitted', 'proxied-address'])
})

test('a PROXY protocol header without an address does not change the client address at the gate', async () => {
  const local = Buffer.concat([proxyFrame(0x20, 0x00, []), requestBytes({ target: '/public/x' })])
  const { records, requests } = await gate.attack(local)

  // The gate cannot detect a PROXY protocol header without an address, and such a header changes nothing.
  expect(records.every(({ address }) => address === '127.0.0.1')).toBe(true)
  for (const request of requests) expect(request.all('x-forwarded-for')).toEqual(['127.0.0.1'])
})
