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

// Requirements of routes on a running node: trees of requirements, shadow requirements, timeouts of a route and path
// rewrites.

const [main, partner, mute] = await Promise.all([startIssuer(), startIssuer(), startIssuer()])
mute.answer('discovery', { silent: true })

/**
 * Service that replies as the path names: `silent` not at all, `late` after 6 s, `stalled` with an incomplete body,
 * else immediately.
 */
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
/** Days of the week except yesterday, today and tomorrow, so that a test can run past midnight. */
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
  /** Expected refusal; absent if the gate admits the request. */
  readonly refusal?: Refusal
}

const claims = (amr: unknown, level: unknown) => holding({ amr, org: { level } })
const client = (id: string | undefined, issuer = main) => issuer.sign({ claims: { client_id: id } })
const mismatch = forbidden('claim-mismatch')
const wrongHeader = forbidden('header-mismatch')
const wrongClient = forbidden('client-not-allowed')
const closed = forbidden('time-outside')
const unmet = forbidden('requirement-unmet')

const rows: readonly Row[] = [
  { title: 'both claims match', parts: { target: '/claims/1', token: claims(['pwd', 'mfa'], 3) } },
  { title: 'one claim of two matches', parts: { target: '/claims/1', token: claims(['mfa'], 2) }, refusal: mismatch },
  { title: 'a number claim as text', parts: { target: '/claims/1', token: claims('mfa', '3') }, refusal: mismatch },
  { title: 'no required claim', parts: { target: '/claims/1', token: good }, refusal: mismatch },
  { title: 'no token', parts: { target: '/claims/1' }, refusal: noCredential },
  {
    title: 'a claim with all values of `all`',
    parts: { target: '/dotted/1', token: holding({ 'https://x.test/tier': ['staff', 'gold'] }) },
  },
  {
    title: 'a claim with one value of `all`',
    parts: { target: '/dotted/1', token: holding({ 'https://x.test/tier': ['gold'] }) },
    refusal: mismatch,
  },
  { title: 'a listed client', parts: { target: '/clients/1', token: client('batch') } },
  { title: 'an unlisted client', parts: { target: '/clients/1', token: client('web') }, refusal: wrongClient },
  { title: 'a token without client', parts: { target: '/clients/1', token: client(undefined) }, refusal: wrongClient },
  {
    title: 'a listed client id of another issuer',
    parts: { target: '/clients/1', token: client('batch', partner) },
    refusal: wrongClient,
  },
  { title: 'the required header', parts: { target: '/headers/1', token: good, fields: [['x-tenant', 'blue']] } },
  { title: 'a missing header', parts: { target: '/headers/1', token: good }, refusal: wrongHeader },
  {
    title: 'another header value',
    parts: { target: '/headers/1', token: good, fields: [['X-Tenant', 'red']] },
    refusal: wrongHeader,
  },
  {
    title: 'the required header twice',
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
    title: 'the required header and an alias with underscores',
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
    title: 'the required header named by Connection',
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
    title: 'the required header without a token',
    parts: { target: '/headers/1', fields: [['X-Tenant', 'blue']] },
    refusal: noCredential,
  },
  { title: 'no forbidden header', parts: { target: '/no-debug/1', token: good } },
  {
    title: 'the forbidden header',
    parts: { target: '/no-debug/1', token: good, fields: [['X-Debug', 'on']] },
    refusal: unmet,
  },
  {
    title: 'the forbidden header as second field',
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
    title: 'the forbidden header with an underscore',
    parts: { target: '/no-debug/1', token: good, fields: [['X_Debug', 'on']] },
    refusal: unmet,
  },
  { title: 'an allowed address', parts: { target: '/here/1', token: good } },
  { title: 'a denied address', parts: { target: '/addresses/1', token: good }, refusal: forbidden('address-denied') },
  {
    title: 'an allowed address only in X-Forwarded-For',
    parts: { target: '/addresses/1', token: good, fields: [['X-Forwarded-For', '10.0.0.1']] },
    refusal: forbidden('address-denied'),
  },
  { title: 'a time within the range', parts: { target: '/open-now/1', token: good } },
  { title: 'a time after not_after', parts: { target: '/over/1', token: good }, refusal: closed },
  { title: 'an allowed day', parts: { target: '/these-days/1', token: good } },
  { title: 'another day of the week', parts: { target: '/other-days/1', token: good }, refusal: closed },
  { title: 'the second branch of `any`', parts: { target: '/mixed/1', token: client('batch') } },
  { title: 'the first branch of `any`', parts: { target: '/mixed/1', token: holding({ scope: 'admin', amr: 'mfa' }) } },
  { title: 'no branch of `any`', parts: { target: '/mixed/1', token: holding({ scope: 'admin' }) }, refusal: unmet },
]

test.concurrent.each(rows.map((row) => ({ ...row, result: row.refusal?.reason ?? 'admitted' })))(
  'the gate decides a request for $parts.target with the reason `$result`: $title',
  async ({ parts, refusal }) => {
    if (refusal === undefined) await admitted(gate, parts)
    else await refused(gate, parts, refusal)
  },
)

const recordOf = (reply: RawReply): Promise<LogRecord> => {
  const id = reply.field('x-request-id')
  return node.waitForRecord((record) => record['id'] === id)
}

test.concurrent('the gate refuses no request because of an unmet shadow requirement, and logs the result of the requirement', async () => {
  const without = await admitted(gate, { target: '/tried/1', token: good })
  const withIt = await admitted(gate, { target: '/tried/1', token: holding({ amr: ['mfa'] }) })
  const elsewhere = await admitted(gate, { target: '/strip/1', token: good })

  expect(await recordOf(without.reply)).toMatchObject({ decision: 'admitted', shadow: 'claim-mismatch' })
  expect(await recordOf(withIt.reply)).toMatchObject({ decision: 'admitted', shadow: 'met' })
  expect(await recordOf(elsewhere.reply)).not.toHaveProperty('shadow')
})

test.concurrent('a met shadow requirement does not admit a request that lacks the required scope', async () => {
  const parts = { target: '/tried/refused', token: holding({ scope: '', amr: ['mfa'] }) }

  await refused(gate, parts, missingScope('orders:read'))
  const refusal = await node.waitForRecord(({ path }) => path === '/tried/refused')
  expect(refusal).toMatchObject({ decision: 'refused', reason: 'scope-missing', shadow: 'met' })
})

test.concurrent.each([
  { title: 'no token', authorization: undefined, shadow: 'credential-missing' },
  { title: 'Basic credentials', authorization: 'Basic YTpi', shadow: 'credential-missing' },
  { title: 'a malformed Authorization field', authorization: 'Bearer a b', shadow: 'credential-malformed' },
  { title: 'a token that is no JWT', authorization: 'Bearer x', shadow: 'token-malformed' },
  {
    title: 'an expired token',
    authorization: `Bearer ${holding({ exp: 1, iat: 0 })}`,
    shadow: 'token-expired',
  },
])(
  'a public route with a shadow requirement admits a request with $title and logs the shadow result `$shadow`',
  async ({ authorization, shadow }) => {
    const fields = authorization === undefined ? [] : [['Authorization', authorization] as const]
    const { reply, received } = await admitted(gate, { target: '/tried-public/1', fields })

    expect(await recordOf(reply)).toMatchObject({ decision: 'admitted', shadow })
    expect(received.all('authorization')).toEqual([])
  },
)

test.concurrent('a public route logs the shadow result of a cached token and forwards no identity', async () => {
  const tokens = { met: holding({ amr: 'mfa' }), 'claim-mismatch': holding({ amr: 'pwd' }) }
  for (const [verdict, token] of Object.entries(tokens)) {
    // From this request on, the token is cached.
    await admitted(gate, { target: '/strip/1', token })
    const { reply, received } = await admitted(gate, { target: '/tried-public/1', token })

    const record = await recordOf(reply)
    expect(record).toMatchObject({ decision: 'admitted', shadow: verdict })
    expect(record).not.toHaveProperty('subject')
    expect(received.all('x-gatehouse-jwt-assertion')).toEqual([])
    expect(received.all('authorization')).toEqual([])
  }
})

test.concurrent('a public route logs the shadow result of a token whose issuer the service does not accept', async () => {
  const token = partner.sign()
  await admitted(gate, { target: '/strip/1', token })
  const { reply } = await admitted(gate, { target: '/strict-public/1', token })

  expect(await recordOf(reply)).toMatchObject({ decision: 'admitted', shadow: 'token-issuer-not-accepted' })
})

test.concurrent('a shadow requirement does not delay a public route while the issuer does not reply', async () => {
  const { reply } = await admitted(gate, { target: '/tried-public/1', token: mute.sign() })

  // If the exchange ends before the shadow result is known, the log line has no result.
  const { shadow } = await recordOf(reply)
  expect(['issuer-unreachable', undefined]).toContain(shadow)
})

test.concurrent('the first_byte timeout of a route overrides the timeout of its service', async () => {
  const patient = await request(node.port, requestBytes({ target: '/patient/late', token: good }))
  const hasty = await request(node.port, requestBytes({ target: '/hasty/late', token: good }))

  expect(patient.status).toBe(200)
  expect(hasty.status).toBe(504)
  expect(await recordOf(hasty)).toMatchObject({ decision: 'failed', reason: 'upstream-timeout' })
})

test.concurrent.each([
  { target: '/first-byte/silent', reason: 'upstream-timeout' },
  { target: '/total/silent', reason: 'exchange-timeout' },
])('the gate replies 504 to a request for $target after the timeout of its route', async ({ target, reason }) => {
  const reply = await request(node.port, requestBytes({ target, token: good }))

  expect(reply.status).toBe(504)
  expect(await recordOf(reply)).toMatchObject({ decision: 'failed', reason })
})

test.concurrent('the gate aborts a reply that stalls after the idle timeout of its route', async () => {
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
])('the gate forwards a request for $target as $forwarded', async ({ target, forwarded, prefix }) => {
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
])('S-031: the gate rejects a path that would leave its rewritten prefix: $target', ({ target, reason }) =>
  refused(gate, { target, token: good }, ambiguous(reason)),
)

test.concurrent('the challenge does not contain the rewritten path of a route, and clients cannot request the rewritten path', async () => {
  await refused(gate, { target: '/move/7' }, noCredential)
  await refused(
    gate,
    { target: '/v1/orders/7', token: good },
    { status: 404, code: 'not_found', reason: 'route-unknown' },
  )
})
