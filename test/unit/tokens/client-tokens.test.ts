// Tokens for callers with a client id and secret: kept on the node, requested at the issuer (RFC 6749 §4.4).

import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { TokenEndpoints } from '../../../gateway/issuers/token-endpoints.ts'
import type { BasicTerms } from '../../../gateway/oauth/basic-terms.ts'
import { type BasicClient, ClientTokens, type HeldToken } from '../../../gateway/tokens/client-tokens.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { serviceClients, startExchangeProvider } from '../../kit/exchange-provider.ts'
import { rulesFor } from '../../kit/issuer-rules.ts'
import { until } from '../../kit/until.ts'

const minuteMs = 60_000
const issuer = await startExchangeProvider()
const rules = rulesFor(issuer.url)
const terms: BasicTerms = {
  path: ['services', 'orders', 'basic'],
  issuer: rules,
  auth: 'client_secret_basic',
  scopes: ['orders:read'],
  resource: [],
  tokenId: 'orders:read',
}
const asker = { kind: 'first', address: 'a', known: false } as const
const { batch } = serviceClients

beforeEach(() => {
  issuer.script = undefined
  issuer.tokenS = 300
  issuer.asked.length = 0
})

function clientTokens(): ClientTokens {
  const endpoints = new TokenEndpoints()
  atEnd(() => endpoints.close())
  return new ClientTokens({ endpoints, sealer: new Sealer([{ id: 'k', secret: randomBytes(32) }]) })
}

async function granted(tokens: ClientTokens, client: BasicClient): Promise<HeldToken> {
  const token = await tokens.request(client, asker)
  if (typeof token === 'string') throw new Error(token)
  return token
}

const error =
  (code: string, status = 400) =>
  () => ({ status, body: JSON.stringify({ error: code }) })

test('for a caller with client id and secret, the gate requests a token with the scopes of the policy, and keeps the token', async () => {
  const tokens = clientTokens()
  const client = tokens.clientOf(terms, { id: 'batch', secret: batch })
  let authorization: string | undefined
  issuer.script = (_, { headers }) => {
    authorization = headers.authorization
    return undefined
  }

  const held = await granted(tokens, client)

  expect(JSON.parse(Buffer.from(held.token.split('.')[1]!, 'base64url').toString())).toMatchObject({
    sub: 'batch',
    scope: 'orders:read',
  })
  expect(Object.fromEntries(issuer.asked[0]!)).toEqual({ grant_type: 'client_credentials', scope: 'orders:read' })
  expect(Buffer.from(authorization!.slice(6), 'base64').toString()).toBe('batch:batch-secret%3Afor+tests%2Bonly')
  expect(tokens.find(tokens.clientOf(terms, { id: 'batch', secret: batch }), held.sinceMs)).toBe(held)
})

test('the token that the gate gets for a client id and secret is kept for at most 5 minutes, and never beyond its expiry', async () => {
  const tokens = clientTokens()
  const client = tokens.clientOf(terms, { id: 'batch', secret: batch })

  issuer.tokenS = 3600
  const long = await granted(tokens, client)
  expect(long.untilMs - long.sinceMs).toBe(5 * minuteMs)
  expect(tokens.find(client, long.untilMs - 1)).toBe(long)
  expect(tokens.find(client, long.untilMs)).toBeUndefined()

  issuer.tokenS = 60
  const short = await granted(tokens, client)
  // The lifetime counts from the request, which is sent after `sinceMs`.
  expect(short.untilMs - short.sinceMs).toBeLessThan(2 * minuteMs)
})

test('S-075 two clients whose ids and secrets have the same text when they are joined are distinguished', () => {
  const tokens = clientTokens()
  const keys = [
    ['a', 'b:c'],
    ['a:b', 'c'],
    ['a', 'b'],
  ].map(([id, secret]) => tokens.clientOf(terms, { id: id!, secret: secret! }).key)
  const scoped = tokens.clientOf({ ...terms, tokenId: 'orders:write' }, { id: 'a', secret: 'b' }).key

  expect(new Set([...keys, scoped]).size).toBe(4)
  for (const key of keys) expect(key).toMatch(/^[0-9a-f]{64}$/)
})

test('concurrent requests with one client id and secret share one call to the issuer', async () => {
  const tokens = clientTokens()
  const client = tokens.clientOf(terms, { id: 'batch', secret: batch })

  const [first, ...others] = await Promise.all(Array.from({ length: 20 }, () => granted(tokens, client)))

  for (const other of others) expect(other).toBe(first)
  expect(issuer.asked).toHaveLength(1)
})

test.each([
  ['a wrong secret', { id: 'batch', secret: 'wrong' }, undefined, 'client-refused'],
  ['an unknown client', { id: 'unknown', secret: 'x' }, undefined, 'client-refused'],
  ['401 without an error code', { id: 'batch', secret: batch }, () => ({ status: 401, body: 'no' }), 'client-refused'],
  [
    'a scope that the client may not have',
    { id: 'reports', secret: serviceClients.reports },
    undefined,
    'client-not-granted',
  ],
  ['unauthorized_client', { id: 'batch', secret: batch }, error('unauthorized_client'), 'client-not-granted'],
] as const)(
  'the gate refuses a caller with client id and secret, and remembers the refusal: %s',
  async (_, pair, script, reason) => {
    const tokens = clientTokens()
    const client = tokens.clientOf({ ...terms, scopes: ['orders:write'] }, pair)
    issuer.script = script

    expect(await tokens.request(client, asker)).toBe(reason)
    expect(tokens.find(client, Date.now())).toBe(reason)
  },
)

test.each([
  ['status 500', () => ({ status: 500, body: '{}' })],
  ['a reply that is no JSON', () => ({ body: 'hello', type: 'text/plain' })],
] as const)(
  'a client with id and secret gets 503 for %s, and the next request calls the issuer again',
  async (_, script) => {
    const tokens = clientTokens()
    const client = tokens.clientOf(terms, { id: 'batch', secret: batch })
    issuer.script = script

    await expect(tokens.request(client, asker)).rejects.toMatchObject({ reason: 'issuer-unreachable' })
    expect(tokens.find(client, Date.now())).toBeUndefined()
    issuer.script = undefined
    expect((await granted(tokens, client)).token).not.toBe('')
  },
)

test.each([
  ['a token type other than Bearer', () => ({ body: '{"access_token":"a","token_type":"mac"}' })],
  ['unsupported_grant_type', error('unsupported_grant_type')],
  ['a redirect', () => ({ status: 302, headers: { location: 'https://evil.test' } })],
  ['status 400 of a filter before the issuer', () => ({ status: 400, body: 'blocked', type: 'text/html' })],
] as const)(
  'a client with id and secret gets 502 for %s, and repeated requests of this client cause no call to the issuer for 5 s',
  async (_, script) => {
    const tokens = clientTokens()
    const client = tokens.clientOf(terms, { id: 'batch', secret: batch })
    issuer.script = script

    await expect(tokens.request(client, asker)).rejects.toMatchObject({ reason: 'exchange-misconfigured' })
    expect(() => tokens.find(client, Date.now())).toThrow('services.orders.basic')
    // Another secret of the same client is not affected.
    expect(tokens.find(tokens.clientOf(terms, { id: 'batch', secret: 'other' }), Date.now())).toBeUndefined()
    issuer.script = undefined
    expect((await granted(tokens, client)).token).not.toBe('')
  },
)

test('a client with id and secret for which the issuer grants a token that the gate rejects is no longer a known client', async () => {
  const tokens = clientTokens()
  const client = tokens.clientOf(terms, { id: 'batch', secret: batch })
  const held = await granted(tokens, client)
  expect(tokens.knows(client)).toBe(true)

  const fault = tokens.rejected(client, held, 'token-audience')

  expect(fault).toMatchObject({ reason: 'exchange-misconfigured', message: expect.stringContaining('token-audience') })
  expect(held.token).toBe('')
  expect(tokens.knows(client)).toBe(false)
  expect(() => tokens.find(client, held.sinceMs)).toThrow(fault.message)
})

test('requests with invented client secrets do not remove the kept tokens of other clients', async () => {
  const tokens = clientTokens()
  const client = tokens.clientOf(terms, { id: 'batch', secret: batch })
  const held = await granted(tokens, client)
  issuer.script = error('invalid_client', 401)

  // More invented secrets than the cache of refusals holds would take the test too long; each one takes the same path.
  const invented = Array.from({ length: 200 }, (_, i) => tokens.clientOf(terms, { id: 'batch', secret: `guess-${i}` }))
  await Promise.all(invented.map((each) => tokens.request(each, asker)))

  expect(tokens.find(client, held.sinceMs)).toBe(held)
})

test('a client whose kept token has ended is served before requests with invented secrets that wait for the issuer', async () => {
  const tokens = clientTokens()
  const client = tokens.clientOf(terms, { id: 'batch', secret: batch })
  const held = await granted(tokens, client)
  held.token = ''
  const gate = Promise.withResolvers<void>()
  issuer.script = (_, { headers }) => ({
    held: gate.promise,
    ...(headers.authorization!.length > 80 && { status: 401, body: '{"error":"invalid_client"}' }),
  })
  const invented = Array.from({ length: 200 }, (_, i) =>
    tokens.request(tokens.clientOf(terms, { id: 'batch', secret: `guess-${i}`.padEnd(80, 'x') }), asker),
  )
  await until('the invented secrets use the slots that they can get', () => issuer.asked.length === 1 + 24)

  const again = granted(tokens, client)
  await until('the known client is served at once', () => issuer.asked.length === 1 + 25)
  gate.resolve()

  expect((await again).token).not.toBe('')
  expect(new Set(await Promise.all(invented))).toEqual(new Set(['client-refused']))
})

test('a revoked token of a client id and secret is replaced after 30 s, so that the client is locked out for at most that time', async () => {
  const tokens = clientTokens()
  const client = tokens.clientOf(terms, { id: 'batch', secret: batch })
  const held = await granted(tokens, client)
  held.facts = { revocation: { revoked: true } } as HeldToken['facts']

  expect(tokens.find(client, held.sinceMs + 29_999)).toBe(held)
  expect(tokens.find(client, held.sinceMs + 30_000)).toBeUndefined()
})
