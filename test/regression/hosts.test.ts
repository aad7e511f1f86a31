import { beforeAll, expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { request } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { GateUnderAttack } from './gate-under-attack.ts'
import { expectNothingThrough, expectRefused } from './refusal.ts'

// Each host has one normal form, and the Host of a client never appears in a reply of the gate
// (docs/design/attack-cases.md, "Paths and hosts").

let gate: GateUnderAttack
/** A node whose policy names a host in every route. */
let hosted: TestNode

beforeAll(async () => {
  const upstreams = ['http://127.0.0.1:1']
  gate = await GateUnderAttack.start({
    rawEntry: {
      routes: [
        { id: 'raw', match: { path: '/raw/**' }, require: 'public' },
        { id: 'hosted', match: { path: '/hosted', host: 'api.example' }, require: 'public' },
        { id: 'below', match: { path: '/below', host: '*.api.example' }, require: 'public' },
        { id: 'literal', match: { path: '/literal', host: '[2001:db8::1]' }, require: 'public' },
      ],
    },
  })
  hosted = await startNode({
    policy: {
      version: 1,
      issuers: { main: { issuer: gate.issuer.url, audience: ['https://api.test'] } },
      services: {
        one: {
          upstreams,
          routes: [
            { id: 'one', match: { path: '/**', host: 'api.example' }, require: { scopes: { all: ['one'] } } },
            { id: 'two', match: { path: '/**', host: '*.api.example' }, require: { scopes: { all: ['two'] } } },
          ],
        },
      },
    },
  })
})

const get = (target: string, host: string, ...fields: readonly string[]) =>
  [`GET ${target} HTTP/1.1`, `Host:${host}`, ...fields, '', ''].join('\r\n')

test.each([
  ['/hosted', 'api.example'],
  ['/hosted', 'API.EXAMPLE'],
  ['/hosted', 'Api.Example'],
  ['/hosted', 'api.example.'],
  ['/hosted', 'API.example.'],
  ['/hosted', 'api.example:8080'],
  ['/hosted', 'api.example:80'],
  ['/hosted', 'api.example:'],
  ['/hosted', 'api.example.:8080'],
  ['/below', 'a.api.example'],
  ['/below', 'A.API.EXAMPLE.:443'],
  ['/literal', '[2001:db8::1]'],
  ['/literal', '[2001:DB8::1]:8080'],
])(
  'S-028 the gate matches the route of %s for the Host %s, and forwards the Host field unchanged',
  async (target, host) => {
    const { replies, records, recorded } = await gate.attack(get(target, ` ${host}`))

    expect(replies).toMatchObject([{ status: 200 }])
    expect(records).toMatchObject([{ route: target.slice(1), decision: 'admitted' }])
    expect(recorded.map(({ head }) => /^host: (.*)\r$/m.exec(head)?.[1])).toEqual([host])
    expect(recorded[0]!.head).toContain(`\r\nx-forwarded-host: ${host}\r\n`)
  },
)

test.each([
  ['/hosted', 'api.example.evil'],
  ['/hosted', 'evil.api.example'],
  ['/hosted', 'api.example..'],
  ['/hosted', '.api.example'],
  ['/hosted', 'api_example'],
  ['/hosted', 'apixexample'],
  ['/below', 'api.example'],
  ['/below', 'a.b.api.example'],
  ['/below', '.api.example'],
])('S-028 the gate does not match the route of %s for the Host %s', async (target, host) => {
  const { replies, records, ...seen } = await gate.attack(get(target, ` ${host}`))

  expectNothingThrough(seen)
  expect(replies).toMatchObject([{ status: 404 }])
  expect(records).toMatchObject([{ reason: 'route-unknown' }])
})

test.each([
  'a@b',
  'user:pw@api.example',
  'a, b',
  'a b',
  'a/b',
  'api.example/admin',
  'http://api.example',
  'a?b',
  'a#b',
  'a\\b',
  'a:80:90',
  'a:8a',
  'a:-1',
  'a: 80',
  ':80',
  'a:123456',
  '[::1',
  '::1',
  '[::1]x',
  '[::1]:x',
  '[]',
  '[:::]',
  '[12345::]',
  '[1.2.3.4]',
  '[::1%25eth0]',
  '[v1.a]',
  'a%2eb',
  'a%00b',
  'a"b',
  "a'b",
  'a<b',
  '{a}',
  'a\tb',
  'a\xc3\xa9b',
])('S-029 the gate rejects the Host %j with 400', async (host) => {
  expectRefused(await gate.attack(get('/public/x', ` ${host}`)), { reason: 'host-malformed' })
})

test.each([
  ['a\x7fb', 'field-value'],
  ['a\xffb', 'field-value'],
])('S-029 the gate rejects the Host %j with 400', async (host, reason) => {
  expectRefused(await gate.attack(get('/public/x', ` ${host}`)), { reason })
})

test.each(['', ' ', '\t'])('S-029 the gate rejects an empty Host: %j', async (host) => {
  expectRefused(await gate.attack(get('/public/x', host)), { reason: 'host-malformed', orByListener: true })
})

test.each(['evil.example', 'api.example.evil', 'localhost', '127.0.0.1', 'api.example..'])(
  'S-029 if every route names a host, the gate replies 421 to an unknown Host: %s',
  async (host) => {
    const reply = await request(hosted.port, get('/x', ` ${host}`))
    const record = await hosted.waitForRecord(({ id }) => id === reply.field('x-request-id'))

    expect(reply.json()).toMatchObject({ status: 421, code: 'misdirected_request' })
    expect(record).toMatchObject({ decision: 'refused', reason: 'host-unknown', host })
  },
)

test.each(['api.example', 'a.api.example'])(
  'S-029 if every route names a host, a request without a token to the route of the host %s gets 401',
  async (host) => {
    expect((await request(hosted.port, get('/x', ` ${host}`))).status).toBe(401)
  },
)

const evil = [' evil.example', 'X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example;proto=https'] as const

test('S-029 the foreign Host of a request appears nowhere in a reply of the gate', async () => {
  const own = `http://127.0.0.1:${gate.port}`
  const metadata = '/.well-known/oauth-protected-resource'
  const refused = await gate.attack(get('/orders/1', ...evil))
  const document = await gate.attack(get(`${metadata}/orders/1`, ...evil))
  const absent = await gate.attack(get('/nowhere', ...evil))

  for (const { replies } of [refused, document, absent]) {
    expect(JSON.stringify([replies[0]!.fields, replies[0]!.text])).not.toContain('evil')
    expect(replies[0]!.all('location')).toEqual([])
  }
  expect(refused.replies[0]!.all('www-authenticate')[0]).toBe(`Bearer resource_metadata="${own}${metadata}/orders/1"`)
  expect(document.replies[0]!.json()).toMatchObject({ resource: `${own}/orders/1` })
})
