import { beforeAll, expect, test } from 'vitest'
import type { RevocationOrder } from '../../gateway/revocation/revocation-order.ts'
import { HeldConnection } from '../kit/held-connection.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { foundEpoch, startNodes, startRevocationService, type TestService } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// A node that a revocation receipt lists in `acknowledged` no longer admits the revoked credential.

let issuer: TestIssuer
let other: TestIssuer
let slow: TestIssuer
let upstream: TestUpstream
let nodes: TestNode[]
let service: TestService
let policy: object
let redis: Awaited<ReturnType<typeof testRedis>>

beforeAll(async () => {
  redis = await testRedis()
  const link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  issuer = await startIssuer()
  other = await startIssuer()
  slow = await startIssuer()
  upstream = await startUpstream()
  policy = testPolicy({ issuer: issuer.url, orders: upstream.url, ordersEntry: { issuers: ['main', 'other'] } })
  Object.assign((policy as { issuers: object }).issuers, {
    other: { issuer: other.url, audience: ['https://api.test'] },
  })
  nodes = await startNodes({ nodes: 3, policy, redis: { url: redis.url } })
  service = await startRevocationService({
    issuers: [rulesFor(issuer.url), rulesFor(other.url, 'other'), rulesFor(slow.url, 'slow')],
    link,
  })
})

/** Opens one connection to each node and checks that each node admits the token. @returns the connections */
async function admittedEverywhere(token: string): Promise<HeldConnection[]> {
  const held = await Promise.all(nodes.map(({ port }) => HeldConnection.open(port, '/orders/1')))
  expect(await Promise.all(held.map((connection) => connection.status(token)))).toEqual(nodes.map(() => 200))
  return held
}

async function statuses(token: string): Promise<number[]> {
  const held = await Promise.all(nodes.map(({ port }) => HeldConnection.open(port, '/orders/1')))
  return Promise.all(held.map((connection) => connection.status(token)))
}

test('S-107 every node rejects a revoked token as soon as the revocation receipt arrives', async () => {
  const tries: { readonly token: string; readonly held: HeldConnection[] }[] = []
  for (let i = 0; i < 30; i++) {
    const token = issuer.sign({ claims: { sub: `tick-${i}` } })
    tries.push({ token, held: await admittedEverywhere(token) })
  }
  for (const { token, held } of tries) {
    const receipt = await service.revoke({ kind: 'token', token })
    const after = await Promise.all(held.map((connection) => connection.status(token)))
    expect(receipt.missing).toEqual([])
    expect(receipt.acknowledged.map(({ node }) => node).sort()).toEqual(['n1', 'n2', 'n3'])
    expect(after).toEqual([401, 401, 401])
    for (const connection of held) connection.close()
  }
})

const byIdentity: { readonly what: string; readonly order: (issuer: string) => RevocationOrder }[] = [
  { what: 'jti', order: (issuer) => ({ kind: 'jti', id: 'j-1', issuer }) },
  { what: 'session', order: (issuer) => ({ kind: 'session', id: 's-1', issuer }) },
  { what: 'subject', order: (issuer) => ({ kind: 'subject', id: 'u-1', issuer }) },
  { what: 'client', order: (issuer) => ({ kind: 'client', id: 'c-1', issuer }) },
  {
    what: 'issuer',
    order: (issuer) => ({ kind: 'issuer', issuer, beforeS: Math.floor(Date.now() / 1000) - 30 }),
  },
]

test.each(byIdentity)(
  'after a revocation by $what, nodes reject the token and admit a token with the same claims from another issuer',
  async ({ what, order }) => {
    const nowS = Math.floor(Date.now() / 1000)
    const claims = { jti: 'j-1', sid: 's-1', sub: 'u-1', client_id: 'c-1', iat: nowS - 60 }
    // Each case has its own identities, so that the revocation of an earlier case does not reject its token.
    const own = Object.fromEntries(
      Object.entries(claims).map(([name, value]) => [name, typeof value === 'string' ? `${value}-${what}` : value]),
    )
    const ordered = order(issuer.url)
    const named: RevocationOrder = 'id' in ordered ? { ...ordered, id: `${ordered.id}-${what}` } : ordered
    const token = issuer.sign({ claims: own })
    const elsewhere = other.sign({ claims: own })
    expect(await statuses(token)).toEqual([200, 200, 200])

    expect((await service.revoke(named)).missing).toEqual([])
    expect(await statuses(token)).toEqual([401, 401, 401])
    expect(await statuses(elsewhere)).toEqual([200, 200, 200])
  },
)

test('after a revocation of a subject, nodes admit a token issued later and reject a token without `iat`', async () => {
  const nowS = Math.floor(Date.now() / 1000)
  const sub = 'returning'
  await service.revoke({ kind: 'subject', id: sub, issuer: 'main' })
  // The clock of the issuer can differ by 5 s, so tokens with an `iat` up to 5 s after the revocation are rejected.
  expect(await statuses(issuer.sign({ claims: { sub, iat: nowS + 5, nbf: nowS - 1 } }))).toEqual([401, 401, 401])
  expect(await statuses(issuer.sign({ claims: { sub, iat: undefined } }))).toEqual([401, 401, 401])
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect(await statuses(issuer.sign({ claims: { sub, iat: nowS + 7 } }))).toEqual([200, 200, 200])
})

test('S-066: nodes reject a revoked token whose ECDSA signature was replaced by the second valid signature', async () => {
  const token = issuer.sign({ claims: { sub: 'malleable' } })
  await service.revoke({ kind: 'token', token })
  expect(await statuses(flipped(token))).toEqual([401, 401, 401])
  const twin = issuer.sign({ claims: { sub: 'malleable' } })
  expect(await statuses(flipped(twin)), 'the flipped signature is a valid one').toEqual([200, 200, 200])
})

test('S-108: a node rejects a token that is revoked while the node fetches the keys to verify it', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  slow.answer('keys', { held })
  const settings = { node: { id: 'slow' } }
  const slowPolicy = testPolicy({ issuer: slow.url, orders: upstream.url })
  const [node] = await startNodes({ nodes: 1, policy: slowPolicy, redis: { url: redis.url }, settings })
  const token = slow.sign()
  const connection = await HeldConnection.open(node!.port, '/orders/1')
  const status = connection.status(token)
  await until('the node fetches the keys', () => slow.fetches.keys > 0)
  expect((await service.revoke({ kind: 'token', token })).missing).toEqual([])
  release()
  expect(await status).toBe(401)
  expect(await connection.status(slow.sign()), 'the keys have arrived').toBe(200)
  await node!.stop()
})

test('a node that joins the cluster rejects tokens that were revoked before, and revocation receipts list the node until it stops', async () => {
  const token = issuer.sign({ claims: { sub: 'before' } })
  await service.revoke({ kind: 'token', token })
  const settings = { node: { id: 'n4' } }
  const [joined] = await startNodes({ nodes: 1, policy, redis: { url: redis.url }, settings })
  const connection = await HeldConnection.open(joined!.port, '/orders/1')
  expect(await connection.status(token)).toBe(401)
  const receipt = await service.revoke({ kind: 'token', token: issuer.sign() })
  expect(receipt.acknowledged.map(({ node }) => node).sort()).toEqual(['n1', 'n2', 'n3', 'n4'])
  // A node that stops gracefully leaves the cluster, so later receipts do not wait for it.
  await joined!.stop()
  const after = await service.revoke({ kind: 'token', token: issuer.sign() })
  expect(after.acknowledged.map(({ node }) => node).sort()).toEqual(['n1', 'n2', 'n3'])
})

test('a revocation receipt lists as missing a node that Redis no longer lists, even if this is detected while other nodes acknowledge', async () => {
  const reads: number[] = []
  const link = await testLink(redisSettingsFor(redis.port))
  const late = await startRevocationService({
    issuers: [rulesFor(issuer.url)],
    link,
    forgotten: (listed) => {
      reads.push(listed.length)
      const known = reads.length > 1
      return { members: known ? [{ key: 'forgotten n9', id: 'n9' }] : [], boundMs: known ? 7000 : 0 }
    },
  })

  const receipt = await late.revoke({ kind: 'token', token: issuer.sign() })
  expect(receipt.acknowledged.map(({ node }) => node).sort()).toEqual(['n1', 'n2', 'n3'])
  expect(receipt).toMatchObject({ missing: ['n9'], max_staleness_ms: 7000 })
})

/** Returns the token with its other valid ES256 signature: `s` replaced by `n − s`. */
function flipped(token: string): string {
  const [header, payload, signature] = token.split('.')
  const bytes = Buffer.from(signature!, 'base64url')
  const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const other = (n - s).toString(16).padStart(64, '0')
  return `${header}.${payload}.${Buffer.concat([bytes.subarray(0, 32), Buffer.from(other, 'hex')]).toString('base64url')}`
}
