// Exchange of the caller's token for a token for the service (RFC 8693): what is sent, shared, cached and refused.

import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test, vi } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { ExchangedTokens } from '../../../gateway/credentials/exchanged-tokens.ts'
import { Renewals } from '../../../gateway/credentials/renewals.ts'
import { ExchangeClients } from '../../../gateway/issuers/exchange-clients.ts'
import { type ExchangeTerms, keepsActor } from '../../../gateway/oauth/exchange-terms.ts'
import type { Derived, TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { exchangeClient, ordersResource, startExchangeProvider } from '../../kit/exchange-provider.ts'
import { rulesFor } from '../../kit/issuer-rules.ts'
import { processSecrets } from '../../kit/secrets.ts'

const issuer = await startExchangeProvider()
const rules = rulesFor(issuer.url)

beforeEach(() => {
  vi.stubEnv('TEST_EXCHANGE_SECRET', exchangeClient.secret)
  issuer.script = undefined
  issuer.dropsActor = false
  issuer.tokenS = 300
  issuer.asked.length = 0
})

const good: ExchangeTerms = {
  path: ['services', 'orders', 'credentials'],
  issuer: rules,
  clientId: exchangeClient.id,
  auth: { method: 'client_secret_basic', secret: { env: 'TEST_EXCHANGE_SECRET' } },
  audience: [],
  resource: [ordersResource],
  scopes: ['orders:read'],
  requestedType: 'access_token',
  actor: undefined,
  maxLifetimeMs: 60_000,
  timeoutMs: 10_000,
}

interface Parts {
  readonly exchanged: ExchangedTokens
  readonly terms: ExchangeTerms
}

function parts(more: Partial<ExchangeTerms> = {}): Parts {
  const terms = { ...good, ...more }
  const clients = new ExchangeClients(processSecrets())
  clients.prepare([terms])()
  atEnd(() => clients.close())
  const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }])
  const renewals = new Renewals({ redis: undefined, sealer })
  return { terms, exchanged: new ExchangedTokens({ clients, sealer, renewals }) }
}

interface Caller {
  readonly credential: string
  readonly facts: TokenFacts
  readonly derived: Derived
}

function caller(claims: Readonly<Record<string, unknown>> = {}, credential = issuer.sign(claims)): Caller {
  const facts = { issuer: rules, subject: 'alice', claims } as unknown as TokenFacts
  return { credential, facts, derived: {} as Derived }
}

const at = (who: Caller, nowMs = Date.now()) => ({ ...who, nowMs })
const claimsOf = (value: unknown) => JSON.parse(Buffer.from(String(value).split('.')[1]!, 'base64url').toString())
const error =
  (code: string, status = 400, description?: string) =>
  () => ({
    status,
    body: JSON.stringify({ error: code, error_description: description }),
  })

test('a token exchange requests the resource, scopes and lifetime of the policy, and gets a token about the same subject', async () => {
  const { exchanged, terms } = parts()
  const who = caller({ sub: 'bob' })

  const value = await exchanged.obtain(terms, at(who))

  expect(value).toMatch(/^Bearer /)
  expect(claimsOf(value)).toMatchObject({ sub: 'bob', aud: ordersResource, scope: 'orders:read' })
  expect(Object.fromEntries(issuer.asked[0]!)).toEqual({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: who.credential,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource: ordersResource,
    scope: 'orders:read',
    expires_in: '60',
  })
})

test('a token exchange sends several audiences as several parameters, and the actor token with its type', async () => {
  vi.stubEnv('TEST_ACTOR', 'gate-token')
  const actor = { place: { env: 'TEST_ACTOR' }, type: 'jwt' } as const
  const { exchanged, terms } = parts({ audience: [ordersResource, 'other'], resource: [], actor })
  issuer.script = () => ({ body: JSON.stringify({ access_token: 'abc', token_type: 'bearer' }) })

  expect(await exchanged.obtain(terms, at(caller()))).toBe('Bearer abc')
  const [form] = issuer.asked
  expect(form!.getAll('audience')).toEqual([ordersResource, 'other'])
  expect(form!.get('actor_token')).toBe('gate-token')
  expect(form!.get('actor_token_type')).toBe('urn:ietf:params:oauth:token-type:jwt')
})

test('an exchanged token is reused without waiting for max_lifetime, and then the gate exchanges the token again', async () => {
  const { exchanged, terms } = parts()
  const who = caller()
  const before = Date.now()
  const value = await exchanged.obtain(terms, at(who))
  const after = Date.now()

  expect(exchanged.obtain(terms, at(who, before + 59_999))).toBe(value)
  expect(exchanged.obtain(terms, at(who, after))).toBe(value)
  expect(issuer.asked).toHaveLength(1)
  const next = exchanged.obtain(terms, at(who, after + 60_000))
  expect(next).toBeInstanceOf(Promise)
  await next
  expect(issuer.asked).toHaveLength(2)
})

test('an exchanged token is not used in the last tenth of its lifetime', async () => {
  const { exchanged, terms } = parts()
  issuer.tokenS = 20
  const who = caller()
  const before = Date.now()
  const value = await exchanged.obtain(terms, at(who))
  const after = Date.now()

  expect(exchanged.obtain(terms, at(who, before + 17_999))).toBe(value)
  const next = exchanged.obtain(terms, at(who, after + 18_001))
  expect(next).toBeInstanceOf(Promise)
  await next
})

test('concurrent requests with one token and equal exchange parameters share one token exchange; requests with another token or other parameters do not', async () => {
  const { exchanged, terms } = parts()
  const who = caller()
  const twin = { ...caller({}, who.credential) }

  const values = await Promise.all([at(who), at(who), at(twin)].map((each) => exchanged.obtain(terms, each)))
  expect(new Set(values).size).toBe(1)
  expect(issuer.asked).toHaveLength(1)

  await exchanged.obtain(terms, at(caller({ jti: 'other' })))
  expect(issuer.asked).toHaveLength(2)
})

test.each([
  ['audience', { audience: [ordersResource], resource: [] }],
  ['resource', { resource: [ordersResource, 'https://other.test'] }],
  ['scopes', { scopes: ['orders:write'] }],
  ['requested token type', { requestedType: 'jwt' }],
  ['client of the gate', { clientId: 'other' }],
  ['max_lifetime', { maxLifetimeMs: 10_000 }],
] as const)('tokens that were exchanged for another %s are not reused', async (_, other) => {
  const first = parts()
  const who = caller()
  await first.exchanged.obtain(first.terms, at(who))
  const terms = { ...good, ...other } as ExchangeTerms
  const clients = new ExchangeClients(processSecrets())
  clients.prepare([first.terms, terms])()
  atEnd(() => clients.close())
  const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }])
  const exchanged = new ExchangedTokens({ clients, sealer, renewals: new Renewals({ redis: undefined, sealer }) })
  await exchanged.obtain(first.terms, at(who))
  issuer.script = () => ({ body: JSON.stringify({ access_token: 'second', token_type: 'bearer' }) })

  expect(await exchanged.obtain(terms, at(who))).toBe('Bearer second')
  expect(await exchanged.obtain(first.terms, at(who))).not.toBe('Bearer second')
})

test('an exchanged token is not reused after the actor token was replaced', async () => {
  vi.stubEnv('TEST_ACTOR', 'one')
  const secrets = processSecrets()
  const terms = { ...good, actor: { place: { env: 'TEST_ACTOR' }, type: 'jwt' } as const }
  const clients = new ExchangeClients(secrets)
  clients.prepare([terms])()
  atEnd(() => clients.close())
  const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }])
  const exchanged = new ExchangedTokens({ clients, sealer, renewals: new Renewals({ redis: undefined, sealer }) })
  const who = caller()
  await exchanged.obtain(terms, at(who))
  vi.stubEnv('TEST_ACTOR', 'two')
  secrets.reload()

  await exchanged.obtain(terms, at(who))

  expect(issuer.asked.map((form) => form.get('actor_token'))).toEqual(['one', 'two'])
})

test.each([
  ['invalid_grant', error('invalid_grant')],
  ['access_denied', error('access_denied', 403)],
  ['invalid_request about the subject token', error('invalid_request', 400, 'subject_token has expired')],
  ['invalid_request without a description', error('invalid_request')],
] as const)(
  'a caller whose token exchange gets %s is denied with 403 exchange-refused, and the gate repeats this denial for 5 s without asking the issuer',
  async (_, script) => {
    const { exchanged, terms } = parts()
    issuer.script = script
    const who = caller()
    const before = Date.now()

    expect(await exchanged.obtain(terms, at(who))).toMatchObject({ status: 403, reason: 'exchange-refused' })
    const after = Date.now()
    expect(exchanged.obtain(terms, at(who, before + 4999))).toMatchObject({ reason: 'exchange-refused' })
    issuer.script = undefined
    expect(await exchanged.obtain(terms, at(who, after + 5000))).toMatch(/^Bearer /)
  },
)

test('a caller whose token a real issuer refuses to exchange gets 403', async () => {
  const { exchanged, terms } = parts()

  expect(await exchanged.obtain(terms, at(caller({}, 'not.a.token')))).toMatchObject({ reason: 'exchange-refused' })
})

test.each([
  ['invalid_client', error('invalid_client', 401), {}],
  ['unauthorized_client', error('unauthorized_client'), {}],
  ['invalid_target of a real issuer', undefined, { resource: ['https://unknown.test'] }],
  ['invalid_scope of a real issuer', undefined, { scopes: ['admin'] }],
  ['a client without the grant type at a real issuer (invalid_request)', undefined, { clientId: 'stranger' }],
  ['a wrong secret at a real issuer', undefined, { clientId: 'batch' }],
  ['unsupported_grant_type', error('unsupported_grant_type'), {}],
  ['404', () => ({ status: 404, body: 'no' }), {}],
  ['token_type mac', () => ({ body: '{"access_token":"a","token_type":"mac"}' }), {}],
  [
    'a refresh token (issued_token_type)',
    () => ({
      body: JSON.stringify({
        access_token: 'a',
        token_type: 'N_A',
        issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token',
      }),
    }),
    {},
  ],
] as const)(
  'a token exchange fails with 502 exchange-misconfigured, and the message names the entry of the policy: %s',
  async (_, script, more) => {
    const { exchanged, terms } = parts(more)
    issuer.script = script
    const who = caller()

    const failed = Promise.resolve(exchanged.obtain(terms, at(who)))

    await expect(failed).rejects.toMatchObject({
      reason: 'exchange-misconfigured',
      message: expect.stringContaining('services.orders.credentials'),
    })
    // The issuer is not asked again at once with a request that it rejects.
    const asked = issuer.asked.length
    expect(() => exchanged.obtain(terms, at(who))).toThrow('services.orders.credentials')
    expect(issuer.asked).toHaveLength(asked)
  },
)

test('an error description of the issuer that repeats the secret of the gate and the token of the caller does not reach the log', async () => {
  const { exchanged, terms } = parts()
  issuer.script = (form) => error('invalid_scope', 400, `${exchangeClient.secret}, ${form.get('subject_token')}`)()

  const failed = Promise.resolve(exchanged.obtain(terms, at(caller({}, 'short-token'))))

  await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('invalid_scope: …, …;') })
})

test.each([
  ['500', () => ({ status: 500 })],
  ['502 with an OAuth error', error('invalid_grant', 502)],
  ['text instead of JSON', () => ({ body: 'hello', type: 'text/plain' })],
] as const)(
  'a token exchange that gets %s from the issuer fails with 503, and the next request tries again',
  async (_, script) => {
    const { exchanged, terms } = parts()
    issuer.script = script
    const who = caller()

    await expect(exchanged.obtain(terms, at(who))).rejects.toMatchObject({ reason: 'issuer-unreachable' })
    issuer.script = undefined
    expect(await exchanged.obtain(terms, at(who))).toMatch(/^Bearer /)
  },
)

test.each([
  ['429', () => ({ status: 429 })],
  ['silence', () => ({ silent: true })],
] as const)('a token exchange that gets %s from the issuer fails with 503 after the timeout', async (_, script) => {
  const { exchanged, terms } = parts({ timeoutMs: 200 })
  issuer.script = script

  await expect(exchanged.obtain(terms, at(caller()))).rejects.toMatchObject({ reason: 'issuer-unreachable' })
})

test('a caller whose token exchange the issuer rejects does not stop the exchanges of other callers', async () => {
  const { exchanged, terms } = parts()
  issuer.script = (form) =>
    claimsOf(form.get('subject_token')).sub === 'mallory' ? error('invalid_scope')() : undefined

  await expect(exchanged.obtain(terms, at(caller({ sub: 'mallory' })))).rejects.toMatchObject({
    reason: 'exchange-misconfigured',
  })
  expect(await exchanged.obtain(terms, at(caller()))).toMatch(/^Bearer /)
})

test('the actors of the subject token stay in the exchanged token, and an exchange whose token lacks them fails with 502', async () => {
  const { exchanged, terms } = parts()
  const act = { sub: 'agent', act: { sub: 'planner' } }

  expect(claimsOf(await exchanged.obtain(terms, at(caller({ act }))))).toMatchObject({
    sub: 'alice',
    act: { sub: exchangeClient.id, act },
  })
  issuer.dropsActor = true
  const dropped = exchanged.obtain(terms, at(caller({ act, jti: 'x' })))
  await expect(dropped).rejects.toMatchObject({
    reason: 'exchange-misconfigured',
    message: expect.stringContaining('act'),
  })
})

test.each([
  ['without an actor', {}, {}, true],
  ['with the same actor', { act: { sub: 'a' } }, { act: { sub: 'a' } }, true],
  [
    'with further actors in front',
    { act: { sub: 'a' } },
    { act: { sub: 'g', act: { sub: 'f', act: { sub: 'a' } } } },
    true,
  ],
  ['with an issuer of the actor', { act: { sub: 'a', iss: 'i' } }, { act: { sub: 'a', iss: 'i' } }, true],
  ['of another issuer', { act: { sub: 'a', iss: 'i' } }, { act: { sub: 'a', iss: 'j' } }, false],
  ['without act', { act: { sub: 'a' } }, {}, false],
  ['with another actor', { act: { sub: 'a' } }, { act: { sub: 'b' } }, false],
  ['with act that is text', { act: { sub: 'a' } }, { act: 'a' }, false],
])('whether an exchanged token %s keeps the actor of the subject token (case %#)', (_, subject, exchanged, keeps) => {
  expect(keepsActor(subject, exchanged)).toBe(keeps)
})

test('after a 401 of the service, the gate exchanges the token of the caller again, at most once in 30 s', async () => {
  const { exchanged, terms } = parts()
  const who = caller()
  const first = (await exchanged.obtain(terms, at(who))) as string

  const second = await exchanged.newer(terms, at(who), first)
  expect(second).toMatch(/^Bearer /)
  expect(second).not.toBe(first)
  // A request for which the service refused the first token uses the newer token, without another exchange.
  expect(await exchanged.newer(terms, at(who), first)).toBe(second)
  expect(exchanged.obtain(terms, at(who))).toBe(second)
  // The service refuses the newer token too.
  expect(await exchanged.newer(terms, at(who), second!)).toBeUndefined()
  expect(issuer.asked).toHaveLength(2)
})

test('after a 401 of the service, the gate has no newer exchanged token when the issuer refuses the exchange or is unavailable', async () => {
  const { exchanged, terms } = parts()
  const who = caller()
  const first = (await exchanged.obtain(terms, at(who))) as string
  issuer.script = () => ({ status: 500 })

  expect(await exchanged.newer(terms, at(who), first)).toBeUndefined()
})

test('after a 401 of the service, a renewed token that is older than the refused token, or has expired, is not sent', async () => {
  const clients = new ExchangeClients(processSecrets())
  clients.prepare([good])()
  atEnd(() => clients.close())
  const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }])
  let renewed = { value: 'Bearer old', sinceMs: 0, untilMs: 0 }
  const exchanged = new ExchangedTokens({ clients, sealer, renewals: { newer: async () => renewed } })
  const who = caller()
  const refused = (await exchanged.obtain(good, at(who))) as string
  const nowMs = Date.now()

  renewed = { value: 'Bearer older', sinceMs: nowMs - 20_000, untilMs: nowMs + 40_000 }
  expect(await exchanged.newer(good, at(who), refused)).toBeUndefined()
  renewed = { value: 'Bearer expired', sinceMs: nowMs, untilMs: nowMs }
  expect(await exchanged.newer(good, at(who), refused)).toBeUndefined()
  // The cache keeps the token of the later exchange.
  expect(exchanged.obtain(good, at(who))).toBe(refused)
  renewed = { value: 'Bearer newer', sinceMs: nowMs, untilMs: nowMs + 60_000 }
  expect(await exchanged.newer(good, at(who), refused)).toBe('Bearer newer')
})
