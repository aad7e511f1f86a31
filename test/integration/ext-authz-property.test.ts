import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { type EnvoyRequest, type EnvoyVerdict, TestEnvoy } from '../kit/envoy.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { fc, propertyRuns } from '../kit/properties.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { type ReceivedRequest, startUpstream } from '../kit/upstream.ts'

// Mutated requests, each as a check of Envoy and as a request to the gate itself: Envoy never forwards a request that the
// gate refuses, and the service gets no field from Envoy that it does not get from the gate. For 1,000 requests:
// GATEHOUSE_PROPERTY_RUNS=1000.

const AT_ONCE = 25

const [issuer, upstream] = await Promise.all([startIssuer(), startUpstream()])
const scope = (name: string) => ({ scopes: { all: [name] } })
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: ['https://api.test'] } },
    services: {
      orders: {
        upstreams: [upstream.url],
        auth_request_headers: true,
        pass_headers: ['x-real-ip'],
        routes: [
          { id: 'read', match: { path: '/orders/**', methods: ['GET', 'HEAD'] }, require: scope('orders:read') },
          {
            id: 'write',
            match: { path: '/orders/**', methods: ['POST'] },
            require: scope('orders:write'),
            body: { max: '8B' },
          },
          { id: 'host', match: { host: 'api.test', path: '/host/**' }, require: 'public' },
          {
            id: 'not',
            match: { path: '/not' },
            require: { all: [scope('orders:read'), { not: { headers: { 'x-tenant': { any: ['evil'] } } } }] },
          },
          { id: 'open', match: { path: '/public/**' }, require: 'public' },
        ],
      },
    },
  },
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false, ext_authz: true }, check: { peers: ['127.0.0.1'] } },
})
const inMap = new TestEnvoy(node.http2Port)
const inList = new TestEnvoy(node.http2Port, { raw: true })

type Field = readonly [name: string, value: string]
const tokens = [
  issuer.sign({ claims: { scope: 'orders:read' } }),
  issuer.sign({ claims: { scope: 'orders:write', groups: ['a', 'b'] } }),
  issuer.sign({ claims: { scope: 'orders:read', exp: 1 } }),
]
const statements = [
  'x-gatehouse-jwt-assertion',
  'x-auth-request-user',
  'x-auth-request-groups',
  'x-real-ip',
  'x-original-url',
]
const others = [
  'x-gatehouse-user',
  'x_auth_request_user',
  'x-http-method-override',
  'x-amzn-oidc-data',
  'x-forwarded-host',
  'x-forwarded-user',
  'x-forwarded-for',
  'forwarded',
  'client-cert',
  'host',
]
const names = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('x-tenant', 'accept', 'x-empty', 'user-agent', 'te', 'proxy') },
  { weight: 3, arbitrary: fc.constantFrom(...statements) },
  { weight: 1, arbitrary: fc.constantFrom(...others) },
)
const values = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'evil',
    'a,b',
    'api.test',
    'evil.test',
    '/orders/1',
    'GET',
    'POST',
    '10.0.0.1',
    ' a ',
    'é',
    'a\tb',
  ),
  fc.string({ unit: fc.constantFrom(...' ,;=:"/\\%a0\x7f\xff'), maxLength: 6 }),
)
const bearer = fc.constantFrom(...tokens.map((token): Field => ['authorization', `Bearer ${token}`]))
const special: fc.Arbitrary<Field> = fc.oneof(
  bearer,
  bearer,
  fc.constantFrom<Field>(
    ['authorization', ''],
    ['authorization', 'Bearer'],
    ['authorization', 'Basic YTpi'],
    ['dpop', 'a'],
    ['content-length', '4'],
    ['content-length', '9'],
    ['content-length', 'x'],
    ['connection', 'x-tenant'],
    ['connection', 'x-auth-request-user, authorization'],
    ['cookie', '__Host-gatehouse=a; b=c'],
    ['cookie', 'gatehouse-loopback=a'],
    ['cookie', 'b=c'],
  ),
)
const fields = fc.array(
  fc.oneof({ weight: 1, arbitrary: fc.tuple(names, values) }, { weight: 1, arbitrary: special }),
  { maxLength: 5 },
)
const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1', 'a', 'orders', 'public') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '.', '..', '%2e%2e', '%2f', '%00', 'a;b', '%41', 'a#b', 'a\\b', '%', '%ff', '~'),
  },
)
const path = fc
  .tuple(
    fc.constantFrom('/orders', '/public', '/host', '/not', '', '/.gatehouse', 'http://api.test'),
    fc.array(segment, { maxLength: 2 }),
    fc.constantFrom('', '', '', '?', '?a=b', '?a?b', '?access_token=a', '?é'),
  )
  .map(([root, segments, query]) => [root, ...segments].join('/') + query)
const mutated: fc.Arbitrary<EnvoyRequest> = fc.record({
  method: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('GET', 'POST', 'HEAD') },
    { weight: 1, arbitrary: fc.constantFrom('PUT', 'OPTIONS', 'TRACE', 'CONNECT', 'get', 'PRI') },
  ),
  path,
  host: fc.oneof(
    { weight: 5, arbitrary: fc.constant('api.test') },
    { weight: 1, arbitrary: fc.constantFrom('API.test.:8443', 'evil.test', 'a@api.test', 'api.test,evil.test', '') },
  ),
  fields,
})

/** Fields that Envoy or the gate writes about the client, the connection or the trace. */
const ofProxies =
  /^(?:x-forwarded-.*|forwarded|via|x-request-id|traceparent|host|connection|te|proxy|content-length|x-case)$/

let cases = 0

/** Sends a request to the gate itself. @returns the request at the service; `undefined` when the gate has refused it */
async function atGate({
  method,
  path: target,
  host,
  fields: sent = [],
}: EnvoyRequest): Promise<ReceivedRequest | undefined> {
  const id = String(cases++)
  const length = Number(sent.find(([name]) => name === 'content-length')?.[1] ?? 0)
  const bytes = requestBytes({
    method: method!,
    target,
    host: host!,
    fields: [
      ...sent.filter(([name]) => name !== 'connection'),
      ...sent.filter(([name]) => name === 'connection'),
      ['x-case', id],
    ] as [string, string][],
  })
  const body = Buffer.alloc(Number.isSafeInteger(length) ? length : 0, 'x')
  await request(node.port, Buffer.concat([bytes, body]), { head: method === 'HEAD' })
  return upstream.requests.find((each) => each.all('x-case')[0] === id)
}

/** A field that the service would get from Envoy, but not from the gate. */
function surplus({ forwarded }: EnvoyVerdict, received: ReceivedRequest): Field | undefined {
  return forwarded.find(([name, value]) => {
    if (ofProxies.test(name)) return false
    const own = received.all(name)
    if (name !== 'x-gatehouse-jwt-assertion') return !own.includes(value.trim())
    return decodeJwt(own[0]!).sub !== decodeJwt(value).sub
  })
}

test(`of ${propertyRuns} mutated requests, Envoy forwards only those that the gate itself would forward, and with the same fields`, async () => {
  const requests = fc.sample(mutated, propertyRuns)
  let admitted = 0
  const wrong: unknown[] = []
  for (let i = 0; i < propertyRuns; i += AT_ONCE) {
    await Promise.all(
      requests.slice(i, i + AT_ONCE).map(async (each, k) => {
        // In a map, Envoy replaces bytes that are no UTF-8: the gate cannot refuse them.
        const isPlain = each.fields!.every(([, value]) => /^[\x20-\x7e\t]*$/.test(value))
        const verdict = await (isPlain && k % 2 === 0 ? inMap : inList).check(each)
        if (!verdict.admitted) return
        admitted++
        const received = await atGate(each)
        const more = received && surplus(verdict, received)
        if (received === undefined || more !== undefined) wrong.push({ ...each, more: more ?? 'refused by the gate' })
      }),
    )
  }

  expect(wrong).toEqual([])
  expect(admitted).toBeGreaterThan(propertyRuns / 20)
})
