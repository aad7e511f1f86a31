import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { RedisServer } from '../../../deploy/redis-server.ts'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { Secrets } from '../../../gateway/config/secrets.ts'
import { GrantRequester } from '../../../gateway/credentials/grant-requester.ts'
import { GrantStore } from '../../../gateway/credentials/grant-store.ts'
import { ServiceGrants } from '../../../gateway/credentials/service-grants.ts'
import { GrantClient } from '../../../gateway/issuers/grant-client.ts'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import type { ClientGrant } from '../../../gateway/oauth/client-grant.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { atEnd } from '../../kit/cleanup.ts'
import {
  type ExchangeProvider,
  exchangeClient,
  ordersResource,
  startExchangeProvider,
} from '../../kit/exchange-provider.ts'
import { nodeLink, redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'
import { snapshotOf } from '../policy/policy-text.ts'

// Tokens of the gate for services: one token for the whole cluster, renewed before it expires. The clock of the nodes
// moves; the issuer is oidc-provider.

const secrets = new Secrets({ env: { SECRET: exchangeClient.secret, WRONG: 'wrong' }, log: () => {} })
const sealer = new Sealer([{ id: 'k1', secret: Buffer.alloc(32, 7) }])

const hourMs = 3_600_000

let provider: ExchangeProvider
let redis: RedisServer & { readonly port: number }
let link: RedisLink
let skewMs = 0
const now = () => Date.now() + skewMs

beforeAll(async () => {
  provider = await startExchangeProvider()
  redis = await testRedis()
  link = await testLink(redisSettingsFor(redis.port))
})

beforeEach(async () => {
  skewMs = 0
  provider.script = undefined
  provider.asked.length = 0
  await link.store.call('FLUSHALL')
})

function grantOf(more: object = {}): ClientGrant {
  const credentials = {
    type: 'client_credentials',
    issuer: 'corp',
    client_id: exchangeClient.id,
    client_secret: { env: 'SECRET' },
    scopes: ['orders:read'],
    resource: [ordersResource],
    ...more,
  }
  const routes = [{ id: 'r', match: { path: '/' }, require: 'public' }]
  const issuers = { corp: { issuer: provider.url, audience: ['https://api.test'] } }
  const policy = { version: 1, issuers, services: { orders: { upstreams: ['http://o.test'], credentials, routes } } }
  return snapshotOf(JSON.stringify(policy)).routes[0]!.credential.grant!
}

interface Node {
  readonly grants: ServiceGrants
  readonly requester: GrantRequester
  /** Ids of the tokens whose renewal was ordered from a worker. */
  readonly orders: string[]
  /** Number of token requests by outcome. */
  counts(): Record<string, number>
}

/**
 * A node whose clock the test moves. The test calls `renew` in place of the timer. With the timer of the product, nodes
 * of earlier steps would request tokens too when the clock moves.
 *
 * @param at  connection to Redis; `null` for a node without Redis
 */
function node(at: RedisLink | null = link): Node {
  const store = at === null ? undefined : new GrantStore(at.store, at.keys, sealer, now)
  const requester = new GrantRequester({ store, now })
  const orders: string[] = []
  const order = (_: ClientGrant, token: string) => void orders.push(token)
  const grants = new ServiceGrants({
    secrets,
    requester,
    order: at === null ? undefined : order,
    now,
    log: () => {},
    checkMs: hourMs,
  })
  atEnd(() => grants.close())
  const counts = () => {
    const found: Record<string, number> = {}
    requester.collect({
      value: (_, value, labels) => {
        found[(labels as Record<string, string>)['outcome']!] = value
      },
      histogram: () => {},
    })
    return found
  }
  return { grants, requester, orders, counts }
}

const granted = (nodes: readonly Node[]) => nodes.reduce((sum, each) => sum + (each.counts()['granted'] ?? 0), 0)

/** The issuer replies 503 to token requests from now on. */
function issuerDown(): void {
  provider.script = () => ({ status: 503, body: '{}' })
}

test('400 exchanges at 8 nodes without a token for the service cause one request to the issuer and get the same token', async () => {
  const grant = grantOf()
  const nodes = Array.from({ length: 8 }, () => node())
  for (const { grants } of nodes) grants.prepare([grant])()
  const got = await Promise.all(
    nodes.flatMap(({ grants }) => Array.from({ length: 50 }, () => grants.bearer(grant, now(), true))),
  )

  expect(new Set(got).size).toBe(1)
  expect(got[0]).toMatch(/^Bearer [\w.-]+$/)
  expect(provider.asked.map((form) => [form.get('grant_type'), form.get('scope'), form.get('resource')])).toEqual([
    ['client_credentials', 'orders:read', ordersResource],
  ])
  expect(granted(nodes)).toBe(1)
})

test('a node returns the valid token of a client credentials grant without waiting', async () => {
  const grant = grantOf()
  const { grants } = node()
  grants.prepare([grant])()
  const first = await grants.bearer(grant, now(), true)

  expect(grants.bearer(grant, now(), true)).toBe(first)
})

test('Redis stores the token of a grant encrypted, and the key expires with the token', async () => {
  const grant = grantOf()
  const { grants } = node()
  grants.prepare([grant])()
  const bearer = await grants.bearer(grant, now(), true)
  const key = link.keys.grant(grant.id)
  const stored = (await link.store.callBuffer('HGETALL', key)) as Buffer[]

  expect(Buffer.concat(stored).toString('latin1')).not.toContain(bearer.slice('Bearer '.length))
  const leftMs = Number(await link.store.call('PTTL', key))
  expect(leftMs).toBeGreaterThan(0)
  expect(leftMs).toBeLessThanOrEqual(provider.tokenS * 1000)
})

test('when the token of a client credentials grant is due for renewal, a worker gets one job, and every node takes the new token from Redis', async () => {
  const grant = grantOf()
  const [first, second, worker] = [node(), node(), node()]
  for (const { grants } of [first, second]) grants.prepare([grant])()
  const old = await first.grants.bearer(grant, now(), true)
  await second.grants.bearer(grant, now(), true)
  // Due after two thirds of the lifetime; a node waits for the worker for a quarter of the rest.
  skewMs = provider.tokenS * 1000 * 0.7
  for (const { grants } of [first, second, first, second]) await grants.renew()
  expect([first.orders.length, second.orders.length, provider.asked.length]).toEqual([1, 1, 1])

  // `take` is what the job of the worker does.
  const client = new GrantClient(grant, { client: new IssuerClient(), secrets })
  const requested = await worker.requester.take(grant, client, first.orders[0]!)
  const again = await worker.requester.take(grant, client, first.orders[0]!)
  for (const { grants } of [first, second]) await grants.renew()

  expect(again.id).toBe(requested.id)
  expect(provider.asked.length).toBe(2)
  expect(await first.grants.bearer(grant, now(), true)).toBe(requested.bearer)
  expect(await second.grants.bearer(grant, now(), true)).toBe(requested.bearer)
  expect(requested.bearer).not.toBe(old)
  expect(granted([first, second, worker])).toBe(2)
})

test('without a worker, a node itself renews the token of a client credentials grant before the token expires', async () => {
  const grant = grantOf()
  const { grants } = node()
  grants.prepare([grant])()
  const old = await grants.bearer(grant, now(), true)
  skewMs = provider.tokenS * 1000 * 0.8
  await grants.renew()

  expect(provider.asked.length).toBe(2)
  expect(await grants.bearer(grant, now(), true)).not.toBe(old)
})

test('while the issuer is down, exchanges use the old token of a client credentials grant until it expires, then get 503, and succeed again once the issuer is back', async () => {
  const grant = grantOf()
  const { grants, counts } = node()
  grants.prepare([grant])()
  const old = await grants.bearer(grant, now(), true)
  issuerDown()
  skewMs = provider.tokenS * 1000 * 0.9
  await grants.renew()
  const near = now()
  expect(await grants.bearer(grant, near, true)).toBe(old)
  expect(grants.list()).toMatchObject([{ issuer: 'corp', problem: expect.stringContaining('503') }])

  skewMs = provider.tokenS * 1000 + 1000
  await expect(grants.bearer(grant, now(), true)).rejects.toMatchObject({ reason: 'upstream-credential-unavailable' })
  const asked = provider.asked.length
  // The failure is remembered: further exchanges fail without a call to the issuer.
  await expect(grants.bearer(grant, now(), true)).rejects.toMatchObject({ reason: 'upstream-credential-unavailable' })
  expect(provider.asked.length).toBe(asked)

  provider.script = undefined
  await until('the node has a token again', async () => {
    await grants.renew()
    skewMs += 1000
    return (await Promise.resolve(grants.bearer(grant, now(), true)).catch(() => old)) !== old
  })
  expect(counts()).toMatchObject({ granted: 2 })
  expect(grants.list()).toMatchObject([{ problem: null }])
})

test('when the issuer refuses the client id and secret of the gate, exchanges get 502, and no node soon sends another token request', async () => {
  const grant = grantOf({ client_secret: { env: 'WRONG' } })
  const [first, second] = [node(), node()]
  for (const { grants } of [first, second]) grants.prepare([grant])()

  for (const { grants } of [first, second]) {
    await expect(grants.bearer(grant, now(), true)).rejects.toMatchObject({
      reason: 'upstream-credential-misconfigured',
      message: expect.stringContaining('invalid_client'),
    })
  }
  expect(provider.asked.length).toBe(1)
})

test('when the node with the lock of a client credentials grant dies, another node requests a token after the lock expires, and the metric counts this request as repeated', async () => {
  const grant = grantOf()
  const dead = new GrantStore(link.store, link.keys, sealer, now)
  expect(await dead.begin(grant.id, '', 200)).toMatchObject({ kind: 'acquired', orphaned: false })
  const { grants, counts } = node()
  grants.prepare([grant])()

  expect(await grants.bearer(grant, now(), true)).toMatch(/^Bearer /)
  expect(counts()).toMatchObject({ granted: 0, repeated: 1 })
})

test('while Redis is unavailable, a node requests a token of a client credentials grant for itself', async () => {
  const grant = grantOf()
  const own = await testRedis()
  const lost = await nodeLink(redisSettingsFor(own.port))
  const { grants, counts } = node(lost)
  await own.stop()
  grants.prepare([grant])()

  expect(await grants.bearer(grant, now(), true)).toMatch(/^Bearer /)
  expect(counts()).toMatchObject({ repeated: 1 })
})

test('a node without Redis obtains and renews the token of a client credentials grant by itself', async () => {
  const grant = grantOf()
  const { grants, counts } = node(null)
  grants.prepare([grant])()
  const old = await grants.bearer(grant, now(), true)
  skewMs = provider.tokenS * 1000 * 0.7
  await grants.renew()

  expect(await grants.bearer(grant, now(), true)).not.toBe(old)
  expect(counts()).toMatchObject({ granted: 2, repeated: 0 })
})

test('at most 512 exchanges without an authenticated caller wait for the token of a client credentials grant, so that exchanges of users can still wait', async () => {
  const grant = grantOf()
  const { grants } = node(null)
  const { promise: held, resolve } = Promise.withResolvers<void>()
  provider.script = () => ({ held })
  grants.prepare([grant])()
  const strangers = Array.from({ length: 600 }, () => Promise.resolve(grants.bearer(grant, now(), false)))
  const user = Promise.resolve(grants.bearer(grant, now(), true))
  resolve()
  const outcomes = await Promise.allSettled(strangers)

  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(512)
  expect(await user).toMatch(/^Bearer /)
})

test('if a service refuses the token of a client credentials grant, a newer token of the cluster replaces it, or the gate renews it once it is 30 s old', async () => {
  const grant = grantOf()
  const [first, second] = [node(), node()]
  for (const { grants } of [first, second]) grants.prepare([grant])()
  const old = await first.grants.bearer(grant, now(), true)
  await second.grants.bearer(grant, now(), true)
  expect(await first.grants.newer(grant, old)).toBeUndefined()
  expect(provider.asked.length).toBe(1)

  skewMs = 31_000
  const renewed = await Promise.all([first, second, first].map(({ grants }) => grants.newer(grant, old)))

  expect(new Set(renewed).size).toBe(1)
  expect(renewed[0]).toMatch(/^Bearer /)
  expect(renewed[0]).not.toBe(old)
  expect(provider.asked.length).toBe(2)
  // The new token is refused too: it is younger than 30 s.
  expect(await first.grants.newer(grant, renewed[0]!)).toBeUndefined()
  expect(provider.asked.length).toBe(2)
})

test('a policy change that does not change a client credentials grant keeps the token of the grant', async () => {
  const { grants } = node(null)
  const grant = grantOf()
  grants.prepare([grant])()
  const bearer = await grants.bearer(grant, now(), true)
  const changed = grantOf({ timeout: '9s' })
  grants.prepare([changed])()

  expect(grants.bearer(changed, now(), true)).toBe(bearer)
  expect(grants.bearer(grant, now(), true)).toBe(bearer)
  expect(provider.asked.length).toBe(1)
})

test.each([
  ['no token', ['i', 'x', 'e', String(Date.now() + hourMs), 'l', '300000']],
  ['a token that is no ciphertext', ['i', 'x', 'b', 'plain', 'e', String(Date.now() + hourMs), 'l', '300000']],
  ['an end that is no number', ['i', 'x', 'b', 'plain', 'e', 'soon', 'l', '300000']],
  ['no end', ['i', 'x', 'b', 'plain', 'l', '300000']],
  ['a lock that never ends', ['f', 'x', 'u', 'never']],
  ['a failure for a year', ['x', 'refused: no', 'y', String(Date.now() + 365 * 24 * hourMs)]],
  ['a failure whose end is no number', ['x', 'refused: no', 'y', 'later']],
  ['a failure without a reason', ['y', String(Date.now() + 365 * 24 * hourMs)]],
])('a stored client credentials grant in Redis with %s is replaced by a new token of the issuer', async (_, fields) => {
  const grant = grantOf()
  await link.store.call('HSET', link.keys.grant(grant.id), ...fields)
  const [first, second] = [node(), node()]
  first.grants.prepare([grant])()

  const got = await first.grants.bearer(grant, now(), true)

  expect(got).toMatch(/^Bearer /)
  second.grants.prepare([grant])()
  expect(await second.grants.bearer(grant, now(), true)).toBe(got)
  expect(provider.asked).toHaveLength(1)
})

test('when the Redis key of a client credentials grant has the wrong Redis type, exchanges continue, and each node requests its own token', async () => {
  const grant = grantOf()
  await link.store.call('SET', link.keys.grant(grant.id), 'text')
  const [first, second] = [node(), node()]
  first.grants.prepare([grant])()

  const got = await first.grants.bearer(grant, now(), true)

  expect(got).toMatch(/^Bearer /)
  second.grants.prepare([grant])()
  expect(await second.grants.bearer(grant, now(), true)).toMatch(/^Bearer /)
})

test('a node does not use a token in Redis of a client credentials grant if its expiry is later than its lifetime permits', async () => {
  const grant = grantOf()
  const [first, second] = [node(), node()]
  first.grants.prepare([grant])()
  const old = await first.grants.bearer(grant, now(), true)
  // The clock of Redis was set back by an hour: the token seems to be valid for an hour longer.
  const key = link.keys.grant(grant.id)
  const end = Number(await link.store.call('HGET', key, 'e'))
  await link.store.call('HSET', key, 'e', String(end + hourMs))
  second.grants.prepare([grant])()

  expect(await second.grants.bearer(grant, now(), true)).not.toBe(old)
})

const storedBytes = (grant: ClientGrant) =>
  link.store.callBuffer('HGETALL', link.keys.grant(grant.id)) as Promise<Buffer[]>

/** Writes the fields of a stored token as an attacker with access to Redis does. Later fields replace earlier ones. */
async function plant(grant: ClientGrant, ...fields: readonly (string | Buffer)[]): Promise<void> {
  await link.store.call('HSET', link.keys.grant(grant.id), ...fields)
}

/** Returns the token that a node obtains which holds none yet. */
async function tokenOfNewNode(grant: ClientGrant): Promise<string> {
  const { grants } = node()
  grants.prepare([grant])()
  return grants.bearer(grant, now(), true)
}

test('tokens of two client credentials grants that were swapped in Redis are not used: each grant gets a new token', async () => {
  const [read, write] = [grantOf(), grantOf({ scopes: ['orders:write'] })]
  const tokens = [await tokenOfNewNode(read), await tokenOfNewNode(write)]
  const [ofRead, ofWrite] = [await storedBytes(read), await storedBytes(write)]
  await plant(read, ...ofWrite)
  await plant(write, ...ofRead)

  const got = [await tokenOfNewNode(read), await tokenOfNewNode(write)]

  expect(provider.asked.slice(2).map((form) => form.get('scope'))).toEqual(['orders:read', 'orders:write'])
  for (const each of got) expect(tokens).not.toContain(each)
})

test('an expired token of a client credentials grant that is written to Redis again as a new token is not used', async () => {
  const grant = grantOf()
  const old = await tokenOfNewNode(grant)
  const before = await storedBytes(grant)
  skewMs = provider.tokenS * 1000 + 61_000
  await plant(grant, ...before, 'i', '00'.repeat(8), 'e', String(Date.now() + 200_000), 'l', '300000')
  const renamed = await tokenOfNewNode(grant)
  await plant(grant, ...before, 'e', String(Date.now() + 200_000), 'l', '300000')
  const replayed = await tokenOfNewNode(grant)

  expect(renamed).not.toBe(old)
  expect(replayed).not.toBe(old)
  expect(provider.asked.length).toBe(3)
})

test('a valid token of a client credentials grant whose token id was changed in Redis is not used', async () => {
  const grant = grantOf()
  const old = await tokenOfNewNode(grant)
  await plant(grant, 'i', '00'.repeat(8))

  expect(await tokenOfNewNode(grant)).not.toBe(old)
})

test('a token of a client credentials grant whose expiry and lifetime were raised in Redis is renewed before its real expiry', async () => {
  const grant = grantOf()
  const old = await tokenOfNewNode(grant)
  await plant(grant, 'e', String(Date.now() + 24 * hourMs), 'l', String(24 * hourMs))
  const { grants } = node()
  grants.prepare([grant])()
  expect(await grants.bearer(grant, now(), true)).toBe(old)
  const [end] = grants.list().map(({ expires_at }) => Date.parse(expires_at!))
  // Clocks of nodes may differ by a minute.
  expect(end! - now()).toBeLessThanOrEqual(provider.tokenS * 1000 + 60_000)
  skewMs = provider.tokenS * 1000 - 1000
  await grants.renew()

  expect(await grants.bearer(grant, now(), true)).not.toBe(old)
})

test('after the clock of a node was set back, the node renews a token that a service refuses', async () => {
  const grant = grantOf()
  const { grants } = node()
  grants.prepare([grant])()
  const old = (await grants.bearer(grant, now(), true)) as string
  skewMs = -hourMs
  expect(grants.bearer(grant, now(), true)).toBe(old)

  const newer = await grants.newer(grant, old)

  expect(newer).toMatch(/^Bearer /)
  expect(newer).not.toBe(old)
})
