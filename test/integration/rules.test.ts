import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import type { LogRecord } from '../kit/log-lines.ts'
import { startNode } from '../kit/node.ts'
import { exchange, request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { type ReceivedRequest, startUpstream } from '../kit/upstream.ts'
import {
  admitted,
  forbidden,
  type Gate,
  missingScope,
  noCredential,
  type Refusal,
  type RequestParts,
  refused,
} from './admission.ts'

// Every rule that a route may have, through a running node: the tree of requirements, rules that are only tried out,
// timeouts and paths of a route's own.

const [main, partner, mute] = await Promise.all([startIssuer(), startIssuer(), startIssuer()])
mute.answer('discovery', { silent: true })

/** Does as the last segment of the path says. */
const service = await startUpstream({
  handler: async ({ url, over }: ReceivedRequest, response) => {
    await over
    if (url.includes('silent')) return
    if (url.includes('late')) await sleep(6000)
    if (url.includes('stalled')) {
      response.write('hello')
      return
    }
    response.end('here')
  },
})

const dayMs = 86_400_000
const moment = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString()
const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const near = [-1, 0, 1].map((offset) => names[new Date(Date.now() + offset * dayMs).getUTCDay()]!)
/** Neither yesterday, today nor tomorrow, so that midnight may come meanwhile. */
const otherDays = names.filter((name) => !near.includes(name))

const scope = (name: string) => ({ scopes: { all: [name] } })
const route = (id: string, require: unknown, more: object = {}) => ({
  id,
  match: { path: `/${id}/**` },
  require,
  ...more,
})
const mfa = { claims: { amr: { any: ['mfa'] } } }
const shadow = { shadow: { require: mfa } }

const node = await startNode({
  policy: {
    version: 1,
    issuers: {
      main: { issuer: main.url, audience: [testAudience] },
      partner: { issuer: partner.url, audience: [testAudience] },
      mute: { issuer: mute.url, audience: [testAudience] },
    },
    services: {
      rules: {
        issuers: ['main', 'partner', 'mute'],
        upstreams: [service.url],
        timeouts: { first_byte: '4s', idle: '1m' },
        roles: { manager: { claim: 'realm_access.roles', any: ['manager'] } },
        routes: [
          route('claims', { claims: { amr: { any: ['mfa', 'otp'] }, 'org.level': { any: [3] } } }),
          route('dotted', { claims: [{ claim: ['https://x.test/tier'], all: ['gold', 'staff'] }] }),
          route('clients', { clients: { any: ['batch'], issuer: 'main' } }),
          route('headers', { headers: { 'X-Tenant': { any: ['blue'] } } }),
          route('no-debug', { not: { headers: { 'x-debug': { any: ['on'] } } } }),
          route('addresses', { addresses: { allow: ['10.0.0.0/8'] } }),
          route('here', { addresses: { allow: ['127.0.0.0/8'] } }),
          route('open-now', { time: { not_before: moment(-dayMs), not_after: moment(dayMs) } }),
          route('over', { time: { not_after: moment(-1000) } }),
          route('other-days', { time: { days: otherDays, zone: 'UTC' } }),
          route('these-days', { time: { days: near, zone: 'UTC' } }),
          route('mixed', { any: [{ all: [scope('admin'), mfa] }, { clients: { any: ['batch'], issuer: 'main' } }] }),
          route('tried', scope('orders:read'), shadow),
          route('tried-public', 'public', shadow),
          route('patient', scope('orders:read'), { timeouts: { first_byte: '1m' } }),
          route('hasty', scope('orders:read')),
          route('first-byte', scope('orders:read'), { timeouts: { first_byte: '250ms' } }),
          route('idle', scope('orders:read'), { timeouts: { idle: '1s' } }),
          route('total', scope('orders:read'), { timeouts: { first_byte: '1m', total: '500ms' } }),
          route('strip', scope('orders:read'), { rewrite: { strip_prefix: '/strip' } }),
          route('move', scope('orders:read'), { rewrite: { strip_prefix: '/move', add_prefix: '/v1/orders' } }),
          route('below', scope('orders:read'), { rewrite: { add_prefix: '/v1' } }),
        ],
      },
      strict: {
        issuers: ['main'],
        upstreams: [service.url],
        routes: [route('strict-public', 'public', { shadow: { require: scope('orders:read') } })],
      },
    },
  },
})
const gate: Gate = { node, services: [service] }

const holding = (claims: Record<string, unknown>) => main.sign({ claims })
const good = main.sign()

interface Row {
  readonly title: string
  readonly parts: RequestParts
  /** Left out: it is admitted. */
  readonly refusal?: Refusal
}

const claims = (amr: unknown, level: unknown) => holding({ amr, org: { level } })
const client = (id: string | undefined, issuer = main) => issuer.sign({ claims: { client_id: id } })
const mismatch = forbidden('claim-mismatch')
const wrongHeader = forbidden('header-mismatch')
const wrongClient = forbidden('client-not-allowed')
const closed = forbidden('time-outside')
const unmet = forbidden('requirement-unmet')

test.concurrent.each<Row>([
  { title: 'claims that fit', parts: { target: '/claims/1', token: claims(['pwd', 'mfa'], 3) } },
  { title: 'one claim of two', parts: { target: '/claims/1', token: claims(['mfa'], 2) }, refusal: mismatch },
  { title: 'a number as text', parts: { target: '/claims/1', token: claims('mfa', '3') }, refusal: mismatch },
  { title: 'no claims', parts: { target: '/claims/1', token: good }, refusal: mismatch },
  { title: 'no token', parts: { target: '/claims/1' }, refusal: noCredential },
  {
    title: 'all of a list',
    parts: { target: '/dotted/1', token: holding({ 'https://x.test/tier': ['staff', 'gold'] }) },
  },
  {
    title: 'half of a list',
    parts: { target: '/dotted/1', token: holding({ 'https://x.test/tier': ['gold'] }) },
    refusal: mismatch,
  },
  { title: 'the client', parts: { target: '/clients/1', token: client('batch') } },
  { title: 'another client', parts: { target: '/clients/1', token: client('web') }, refusal: wrongClient },
  { title: 'no client', parts: { target: '/clients/1', token: client(undefined) }, refusal: wrongClient },
  {
    title: 'a client of that name at another issuer',
    parts: { target: '/clients/1', token: client('batch', partner) },
    refusal: wrongClient,
  },
  { title: 'the header', parts: { target: '/headers/1', token: good, fields: [['x-tenant', 'blue']] } },
  { title: 'no header', parts: { target: '/headers/1', token: good }, refusal: wrongHeader },
  {
    title: 'another value',
    parts: { target: '/headers/1', token: good, fields: [['X-Tenant', 'red']] },
    refusal: wrongHeader,
  },
  {
    title: 'the header twice',
    parts: {
      target: '/headers/1',
      token: good,
      fields: [
        ['X-Tenant', 'blue'],
        ['X-Tenant', 'red'],
      ],
    },
    refusal: wrongHeader,
  },
  {
    title: 'the header under an alias too',
    parts: {
      target: '/headers/1',
      token: good,
      fields: [
        ['X-Tenant', 'blue'],
        ['X_Tenant', 'red'],
      ],
    },
    refusal: wrongHeader,
  },
  {
    title: 'the header, for this hop alone',
    parts: {
      target: '/headers/1',
      token: good,
      fields: [
        ['X-Tenant', 'blue'],
        ['Connection', 'X-Tenant'],
      ],
    },
    refusal: wrongHeader,
  },
  {
    title: 'the header without a token',
    parts: { target: '/headers/1', fields: [['X-Tenant', 'blue']] },
    refusal: noCredential,
  },
  { title: 'not the barred header', parts: { target: '/no-debug/1', token: good } },
  {
    title: 'the barred header',
    parts: { target: '/no-debug/1', token: good, fields: [['X-Debug', 'on']] },
    refusal: unmet,
  },
  {
    title: 'the barred header, twice',
    parts: {
      target: '/no-debug/1',
      token: good,
      fields: [
        ['X-Debug', 'off'],
        ['X-Debug', 'on'],
      ],
    },
    refusal: unmet,
  },
  {
    title: 'the barred header under an alias',
    parts: { target: '/no-debug/1', token: good, fields: [['X_Debug', 'on']] },
    refusal: unmet,
  },
  { title: 'an address of the list', parts: { target: '/here/1', token: good } },
  { title: 'another address', parts: { target: '/addresses/1', token: good }, refusal: forbidden('address-denied') },
  {
    title: 'an address that is only claimed',
    parts: { target: '/addresses/1', token: good, fields: [['X-Forwarded-For', '10.0.0.1']] },
    refusal: forbidden('address-denied'),
  },
  { title: 'the time', parts: { target: '/open-now/1', token: good } },
  { title: 'a time that is over', parts: { target: '/over/1', token: good }, refusal: closed },
  { title: 'one of these days', parts: { target: '/these-days/1', token: good } },
  { title: 'another day', parts: { target: '/other-days/1', token: good }, refusal: closed },
  { title: 'one branch of a tree', parts: { target: '/mixed/1', token: client('batch') } },
  { title: 'the other branch', parts: { target: '/mixed/1', token: holding({ scope: 'admin', amr: 'mfa' }) } },
  { title: 'no branch', parts: { target: '/mixed/1', token: holding({ scope: 'admin' }) }, refusal: unmet },
])('$title on $parts.target', async ({ parts, refusal }) => {
  if (refusal === undefined) await admitted(gate, parts)
  else await refused(gate, parts, refusal)
})

const recordOf = (reply: RawReply): Promise<LogRecord> => {
  const id = reply.field('x-request-id')
  return node.waitForRecord((record) => record['id'] === id)
}

test.concurrent('a shadow refuses nobody, and is recorded as what it would have done', async () => {
  const without = await admitted(gate, { target: '/tried/1', token: good })
  const withIt = await admitted(gate, { target: '/tried/1', token: holding({ amr: ['mfa'] }) })
  const elsewhere = await admitted(gate, { target: '/strip/1', token: good })

  expect(await recordOf(without.reply)).toMatchObject({ decision: 'admitted', shadow: 'claim-mismatch' })
  expect(await recordOf(withIt.reply)).toMatchObject({ decision: 'admitted', shadow: 'met' })
  expect(await recordOf(elsewhere.reply)).not.toHaveProperty('shadow')
})

test.concurrent('a shadow that is met admits nobody', async () => {
  const parts = { target: '/tried/refused', token: holding({ scope: '', amr: ['mfa'] }) }

  await refused(gate, parts, missingScope('orders:read'))
  const refusal = await node.waitForRecord(({ path }) => path === '/tried/refused')
  expect(refusal).toMatchObject({ decision: 'refused', reason: 'scope-missing', shadow: 'met' })
})

test.concurrent.each([
  { title: 'no token', authorization: undefined, shadow: 'credential-missing' },
  { title: 'no token but a password', authorization: 'Basic YTpi', shadow: 'credential-missing' },
  { title: 'a malformed field', authorization: 'Bearer a b', shadow: 'credential-malformed' },
  { title: 'no JWT', authorization: 'Bearer x', shadow: 'token-malformed' },
  {
    title: 'a token that has run out',
    authorization: `Bearer ${holding({ exp: 1, iat: 0 })}`,
    shadow: 'token-expired',
  },
])(
  'a public route with a shadow requirement stays public and records: $title is $shadow',
  async ({ authorization, shadow }) => {
    const fields = authorization === undefined ? [] : [['Authorization', authorization] as const]
    const { reply, received } = await admitted(gate, { target: '/tried-public/1', fields })

    expect(await recordOf(reply)).toMatchObject({ decision: 'admitted', shadow })
    expect(received.all('authorization')).toEqual([])
  },
)

test.concurrent('on a public route a known token is judged, and the service learns nothing of it', async () => {
  const tokens = { met: holding({ amr: 'mfa' }), 'claim-mismatch': holding({ amr: 'pwd' }) }
  for (const [verdict, token] of Object.entries(tokens)) {
    // Known from here on.
    await admitted(gate, { target: '/strip/1', token })
    const { reply, received } = await admitted(gate, { target: '/tried-public/1', token })

    const record = await recordOf(reply)
    expect(record).toMatchObject({ decision: 'admitted', shadow: verdict })
    expect(record).not.toHaveProperty('subject')
    expect(received.all('x-gatehouse-jwt-assertion')).toEqual([])
    expect(received.all('authorization')).toEqual([])
  }
})

test.concurrent('on a public route the token of an issuer that the service does not list is no token', async () => {
  const token = partner.sign()
  await admitted(gate, { target: '/strip/1', token })
  const { reply } = await admitted(gate, { target: '/strict-public/1', token })

  expect(await recordOf(reply)).toMatchObject({ decision: 'admitted', shadow: 'token-issuer-not-accepted' })
})

test.concurrent('an issuer that does not answer holds up no public route, whatever its shadow would need', async () => {
  const { reply } = await admitted(gate, { target: '/tried-public/1', token: mute.sign() })

  // Where the exchange is over before the verdict, the record has none.
  const { shadow } = await recordOf(reply)
  expect(['issuer-unreachable', undefined]).toContain(shadow)
})

test.concurrent('a route waits for its service as long as it says, the others as long as the service says', async () => {
  const patient = await request(node.port, requestBytes({ target: '/patient/late', token: good }))
  const hasty = await request(node.port, requestBytes({ target: '/hasty/late', token: good }))

  expect(patient.status).toBe(200)
  expect(hasty.status).toBe(504)
  expect(await recordOf(hasty)).toMatchObject({ decision: 'failed', reason: 'upstream-timeout' })
})

test.concurrent.each([
  { target: '/first-byte/silent', reason: 'upstream-timeout' },
  { target: '/total/silent', reason: 'exchange-timeout' },
])('a request for $target ends with 504 after the timeout of its route', async ({ target, reason }) => {
  const reply = await request(node.port, requestBytes({ target, token: good }))

  expect(reply.status).toBe(504)
  expect(await recordOf(reply)).toMatchObject({ decision: 'failed', reason })
})

test.concurrent('a reply that stalls is broken off by the time of its route', async () => {
  const bytes = requestBytes({ target: '/idle/stalled', token: good })
  const { replies, ending } = await exchange(node.port, bytes, { replies: 'all' })

  expect(replies[0]).toMatchObject({ status: 200, complete: false, text: 'hello' })
  expect(ending).not.toBe('open')
})

test.concurrent.each([
  { target: '/strip/1/2?a=/strip', forwarded: '/1/2?a=/strip', prefix: ['/strip'] },
  { target: '/strip', forwarded: '/', prefix: ['/strip'] },
  { target: '/strip/', forwarded: '/', prefix: ['/strip'] },
  { target: '/%73trip/%7e/%c3%a9', forwarded: '/~/%C3%A9', prefix: ['/strip'] },
  { target: '/strip/strip/x', forwarded: '/strip/x', prefix: ['/strip'] },
  { target: '/move', forwarded: '/v1/orders', prefix: ['/move'] },
  { target: '/move/', forwarded: '/v1/orders/', prefix: ['/move'] },
  { target: '/move/7?', forwarded: '/v1/orders/7?', prefix: ['/move'] },
  { target: '/below/7', forwarded: '/v1/below/7', prefix: [] },
])('a request for $target is forwarded as $forwarded', async ({ target, forwarded, prefix }) => {
  const fields = [['X-Forwarded-Prefix', '/admin']] as const
  const { reply, received } = await admitted(gate, { target, token: good, fields })

  expect(received.url).toBe(forwarded)
  expect(received.all('x-forwarded-prefix')).toEqual(prefix)
  const path = target.split('?')[0]!.replace('%73', 's').replace('%7e', '~').replace('%c3%a9', '%C3%A9')
  expect(await recordOf(reply)).toMatchObject({ path })
})

const ambiguous = (reason: string): Refusal => ({ status: 400, code: 'ambiguous_path', reason, closes: true })

test.concurrent.each([
  { target: '/move/../admin', reason: 'path-dot-segment' },
  { target: '/move/%2e%2e/admin', reason: 'path-dot-segment' },
  { target: '/move//admin', reason: 'path-empty-segment' },
  { target: '/move/%2f..%2fadmin', reason: 'path-dot-segment' },
  { target: '/move%2f..', reason: 'path-dot-segment' },
])('S-031: a rewritten path stays below its prefix: $target', ({ target, reason }) =>
  refused(gate, { target, token: good }, ambiguous(reason)),
)

test.concurrent('what a path is called inside is told to no client', async () => {
  await refused(gate, { target: '/move/7' }, noCredential)
  await refused(
    gate,
    { target: '/v1/orders/7', token: good },
    { status: 404, code: 'not_found', reason: 'route-unknown' },
  )
})
