import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { type ReceivedRequest, startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// Requests that a service receives: the gate removes every field by which a client could forge statements of the gate
// or of the connection, in any spelling. The gate forwards other fields unchanged and adds its own. S-035, S-036,
// S-039, S-046; RFC 9110 §7.6; RFC 7239.

const upstream = await startUpstream()
const node = await startNode({
  policy: publicPolicy({
    s: { upstreams: [upstream.url] },
    named: { upstreams: [upstream.url], entry: { host: 'upstream' } },
  }),
})

type Field = readonly [name: string, value: string]

async function received(
  fields: readonly Field[],
  { target = '/s/1', host = 'api.test' } = {},
): Promise<ReceivedRequest> {
  const mark = randomUUID()
  const reply = await request(node.port, requestBytes({ target, host, fields: [...fields, ['X-Mark', mark]] }))
  expect(reply.status, reply.text).toBe(200)
  return upstream.requests.find((one) => one.all('x-mark').includes(mark))!
}

/** Returns the spellings of a field name that a service behind CGI or WSGI reads as the same variable. */
const spellings = (name: string) => [name, name.toUpperCase(), name.replaceAll('-', '_'), name.replaceAll('-', '.')]

const stripped = [
  ...spellings('x-gatehouse-jwt-assertion'),
  ...spellings('x-gatehouse-anything'),
  ...spellings('x-auth-request-email'),
  'X-Auth-Request_Email',
  'X_Gatehouse-Jwt.Assertion',
  ...spellings('x-forwarded-prefix'),
  ...spellings('x-forwarded-uri'),
  ...spellings('x-forwarded-method'),
  ...spellings('x-forwarded-user'),
  ...spellings('x-forwarded-port'),
  ...spellings('x-original-url'),
  ...spellings('x-original-method'),
  ...spellings('x-rewrite-url'),
  ...spellings('x-http-method-override'),
  ...spellings('x-http-method'),
  ...spellings('x-method-override'),
  ...spellings('x-real-ip'),
  ...spellings('x-client-ip'),
  ...spellings('x-cluster-client-ip'),
  ...spellings('true-client-ip'),
  ...spellings('cf-connecting-ip'),
  ...spellings('x-envoy-original-path'),
  ...spellings('x-envoy-external-address'),
  ...spellings('x-envoy-internal'),
  ...spellings('client-cert'),
  ...spellings('client-cert-chain'),
  'Authorization',
  'DPoP',
  'Proxy-Authorization',
  'Proxy_Authorization',
  'Proxy-Connection',
  'Proxy',
  'Keep-Alive',
  'TE',
  'HTTP2-Settings',
]

test.concurrent.each(stripped)('the gate does not forward the client field %s', async (name) => {
  const got = await received([[name, 'client-said']])

  expect(got.fields.filter(([, value]) => value.includes('client-said'))).toEqual([])
})

const replaced = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded']

test.concurrent.each(replaced.flatMap(spellings))(
  "the gate replaces the client field %s with the gate's own value",
  async (name) => {
    const got = await received([[name, 'client-said']])

    expect(got.fields.filter(([, value]) => value.includes('client-said'))).toEqual([])
    for (const own of replaced) expect(got.all(own)).toHaveLength(1)
  },
)

test.concurrent('the gate forwards the client address in X-Forwarded-For and Forwarded', async () => {
  const got = await received([], { host: 'api.test:8080' })

  expect(got.all('x-forwarded-for')).toEqual(['127.0.0.1'])
  expect(got.all('x-forwarded-host')).toEqual(['api.test:8080'])
  expect(got.all('x-forwarded-proto')).toEqual(['http'])
  expect(got.all('forwarded')).toEqual(['for=127.0.0.1;host="api.test:8080";proto=http'])
})

test.concurrent("the gate forwards Host unchanged, or replaces it with the upstream's if configured", async () => {
  expect((await received([], { host: 'API.test:8080' })).all('host')).toEqual(['API.test:8080'])
  expect((await received([], { target: '/named/1' })).all('host')).toEqual([`127.0.0.1:${upstream.port}`])
  expect((await received([], { target: '/named/1' })).all('x-forwarded-host')).toEqual(['api.test'])
})

test.concurrent("S-036: the gate does not forward fields that the client names in Connection, and still sends the gate's own fields", async () => {
  const got = await received([
    ['Connection', 'close, X-Gatehouse-Jwt-Assertion, X-Forwarded-For, X-Request-Id, X-Foo'],
    ['Connection', 'x-bar , Via,traceparent, host, cookie'],
    ['X-Foo', 'client-said'],
    ['X-Bar', 'client-said'],
    ['X-Bar', 'client-said'],
    ['Cookie', 'a=client-said'],
    ['Via', '1.1 client-said'],
    ['X-Request-Id', 'client-said'],
    ['X-Baz', 'stays'],
  ])

  expect(got.fields.filter(([, value]) => value.includes('client-said'))).toEqual([])
  expect(got.all('x-baz')).toEqual(['stays'])
  expect(got.all('via')).toEqual(['1.1 gatehouse'])
  for (const name of ['x-forwarded-for', 'x-request-id', 'traceparent', 'host', 'connection']) {
    expect(got.all(name)).toHaveLength(1)
  }
  expect(got.all('connection')).toEqual(['keep-alive'])
})

test.concurrent('the gate appends itself to Via', async () => {
  expect((await received([])).all('via')).toEqual(['1.1 gatehouse'])
  expect((await received([['Via', '1.0 fred']])).all('via')).toEqual(['1.0 fred, 1.1 gatehouse'])
  const several: Field[] = [
    ['Via', '1.0 fred'],
    ['Via', '1.1 p.example (x)'],
  ]
  expect((await received(several)).all('via')).toEqual(['1.0 fred, 1.1 p.example (x), 1.1 gatehouse'])
})

test.concurrent('S-046: the gate joins several Cookie fields into one, in order (RFC 6265 §5.4)', async () => {
  const got = await received([
    ['Cookie', 'a=1; b="2"'],
    ['X-Between', 'x'],
    ['Cookie', 'c=3'],
    ['Cookie', 'd="\xc3\xa9"'],
  ])

  expect(got.all('cookie')).toEqual(['a=1; b="2"; c=3; d="\xc3\xa9"'])
})

test.concurrent('the gate forwards ordinary client fields unchanged, in order, including duplicates', async () => {
  const fields: Field[] = [
    ['Accept', 'text/html;q=0.8, */*'],
    ['X-Two', 'b'],
    ['Accept-Encoding', 'gzip, br'],
    ['X-Two', 'a'],
    ['If-None-Match', 'W/"x", "y"'],
    ['Origin', 'https://app.test'],
    ['Range', 'bytes=0-9'],
    ['Content-Type', 'application/json; charset=utf-8'],
    ["X-Odd!#$%&'*+.^_`|~Name", 'v'],
    ['X-Empty', ''],
    ['X-Inner', 'a  \t b'],
    ['User-Agent', 'GoogleHC/1.0'],
  ]
  const got = await received(fields)

  const names = new Set(fields.map(([name]) => name.toLowerCase()))
  const kept = got.fields.filter(([name]) => names.has(name.toLowerCase()))
  expect(kept.map(([name, value]) => [name.toLowerCase(), value])).toEqual(
    fields.map(([name, value]) => [name.toLowerCase(), value]),
  )
})

test.concurrent('a service receives only the fields of the client and the documented fields of the gate', async () => {
  const got = await received([['X-Client', 'x']])

  expect(got.fields.map(([name]) => name.toLowerCase()).sort()).toEqual(
    [
      'connection',
      'forwarded',
      'host',
      'traceparent',
      'via',
      'x-client',
      'x-mark',
      'x-request-id',
      ...replaced.slice(0, 3),
    ].sort(),
  )
})
