import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { publicPolicy } from './data-plane-node.ts'
import { type ScriptedReply, scriptedReplies } from './upstream-script.ts'

// Reply fields of a service reach the client, except the fields for the hop between gate and service and the fields
// reserved for the gate. S-047; RFC 9110 §7.6.1; RFC 9112 §9.

const reply = (fields: string): ScriptedReply => ({ bytes: `HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok` })

const hopByHop = {
  'Keep-Alive': 'timeout=5',
  TE: 'trailers',
  Trailer: 'X-Sum',
  Upgrade: 'h2c',
  'Proxy-Connection': 'keep-alive',
  'Proxy-Authenticate': 'Basic realm="x"',
  'Proxy-Authentication-Info': 'nextnonce="x"',
  'X-Gatehouse-Jwt-Assertion': 'x',
  'x-gatehouse-anything': 'x',
  'X-GATEHOUSE-UPPER': 'x',
}

const upstream = await rawUpstream(
  scriptedReplies({
    plain: reply('Content-Type: text/plain\r\nX-Two: a\r\nCache-Control: no-cache\r\nX-Two: b\r\nX-Empty:\r\n'),
    cookies: reply('Set-Cookie: a=1; Path=/; HttpOnly\r\nX-Between: x\r\nSet-Cookie: b=2, x\r\nSet-Cookie: a=3\r\n'),
    hop: reply(
      Object.entries(hopByHop)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join(''),
    ),
    named: reply(
      'Connection: keep-alive, X-Secret ,ETag\r\nX-Secret: 1\r\nConnection: x-other\r\nX-Other: 1\r\nETag: "x"\r\nX-Kept: 1\r\n',
    ),
    dated: reply('Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n'),
    identified: reply('X-Request-Id: of-the-service\r\n'),
    close: { bytes: 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', after: 'close' },
    status: { bytes: 'HTTP/1.1 418 Short and Stout\r\nContent-Length: 2\r\n\r\nok' },
    unknown: { bytes: 'HTTP/1.1 599 Who Knows\r\nContent-Length: 2\r\n\r\nok' },
    redirect: { bytes: 'HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/?a=b\r\nContent-Length: 0\r\n\r\n' },
  }),
)
const node = await startNode({
  policy: publicPolicy({
    s: { upstreams: [upstream.url] },
    dead: { upstreams: [`http://127.0.0.1:${freePort()}`] },
  }),
})

const get = (name: string) => request(node.port, requestBytes({ target: `/s/${name}` }))
const own = ['x-request-id', 'date', 'content-length']

test('reply fields of a service reach the client unchanged and in order, and the gate adds each field of the gate once', async () => {
  const { fields } = await get('plain')

  expect(fields.filter(([name]) => !own.includes(name.toLowerCase()))).toEqual([
    ['Content-Type', 'text/plain'],
    ['X-Two', 'a'],
    ['Cache-Control', 'no-cache'],
    ['X-Two', 'b'],
    ['X-Empty', ''],
  ])
  expect(
    fields
      .map(([name]) => name.toLowerCase())
      .filter((name) => own.includes(name))
      .sort(),
  ).toEqual([...own].sort())
})

test('every Set-Cookie of a service reaches the client as a separate field, in order', async () => {
  expect((await get('cookies')).all('set-cookie')).toEqual(['a=1; Path=/; HttpOnly', 'b=2, x', 'a=3'])
})

test('the gate removes hop-by-hop fields and fields reserved for the gate from a service reply', async () => {
  const got = await get('hop')

  for (const name of Object.keys(hopByHop)) expect(got.all(name), name).toEqual([])
  expect(got.fields.map(([name]) => name.toLowerCase()).sort()).toEqual([...own].sort())
})

test("S-047: the gate removes Connection, and the fields named in it, from a service's reply", async () => {
  const got = await get('named')

  for (const name of ['x-secret', 'x-other', 'etag', 'connection']) expect(got.all(name), name).toEqual([])
  expect(got.field('x-kept')).toBe('1')
})

test("a service that closes its connection does not close the client's connection", async () => {
  expect((await get('close')).field('connection')).toBeUndefined()
})

test('the gate replaces the Date of a service reply with its own', async () => {
  const date = (await get('dated')).field('date')

  expect(Date.parse(date!)).toBeGreaterThan(Date.parse('2020-01-01'))
})

test('the gate replaces the X-Request-Id of a service reply with its own', async () => {
  const { fields } = await get('identified')
  const ids = fields.filter(([name]) => name.toLowerCase() === 'x-request-id')

  expect(ids).toHaveLength(1)
  expect(ids[0]![1]).not.toBe('of-the-service')
})

test('the gate relays status, reason phrase and Location of a service reply', async () => {
  expect(await get('status')).toMatchObject({ status: 418, reason: 'Short and Stout' })
  expect(await get('unknown')).toMatchObject({ status: 599, reason: 'Who Knows' })
  const redirect = await get('redirect')
  expect(redirect).toMatchObject({ status: 302, reason: 'Found' })
  expect(redirect.field('location')).toBe('http://elsewhere.test/?a=b')
})

test.each([
  { what: "a service's reply", target: '/s/plain', status: 200 },
  { what: "the gate's own reply", target: '/.well-known/gatehouse/jwks.json', status: 200 },
  { what: 'a refusal', target: '/nowhere', status: 404 },
  { what: 'a 400 reply', target: '/a//b', status: 400 },
  { what: 'a 502 reply', target: '/dead/1', status: 502 },
])('the fields and text of $what do not name uWebSockets.js, undici or Node.js', async ({ target, status }) => {
  const got = await request(node.port, requestBytes({ target }))

  expect(got.status).toBe(status)
  for (const text of [...got.fields.flat(), got.text]) expect(text).not.toMatch(/uwebsockets|undici|node\b/i)
  expect(got.all('server')).toEqual([])
  expect(got.all('date')).toHaveLength(1)
})
