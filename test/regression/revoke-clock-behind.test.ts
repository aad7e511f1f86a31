import { beforeAll, expect, test } from 'vitest'
import { expiryOf, RECORD_BYTES } from '../../gateway/revocation/record.ts'
import type { RevocationOrder } from '../../gateway/revocation/revocation-order.ts'
import { RevocationStore } from '../../gateway/revocation/revocation-store.ts'
import { HeldConnection } from '../kit/held-connection.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { foundEpoch, startNodes, startRevocationService, type TestService } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

// A record of a subject, client or session matches tokens issued before the time of the order, and lasts until these
// tokens have expired. A node whose wall clock was ten minutes behind wrote records that did not match tokens of the last
// ten minutes, and that expired ten minutes early.

const behindMs = 600_000

let issuer: TestIssuer
let nodes: TestNode[]
let behind: TestService
let store: RevocationStore

beforeAll(async () => {
  const redis = await testRedis()
  const link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  store = new RevocationStore(link.store, link.keys)
  issuer = await startIssuer()
  const upstream = await startUpstream()
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url })
  nodes = await startNodes({ nodes: 2, policy, redis: { url: redis.url } })
  behind = await startRevocationService({ issuers: [rulesFor(issuer.url)], link, now: () => Date.now() - behindMs })
})

async function statuses(token: string): Promise<number[]> {
  const held = await Promise.all(nodes.map(({ port }) => HeldConnection.open(port, '/orders/1')))
  return Promise.all(held.map((connection) => connection.status(token)))
}

const kinds = [
  { kind: 'subject', claim: 'sub' },
  { kind: 'client', claim: 'client_id' },
  { kind: 'session', claim: 'sid' },
] as const

test.each(kinds)(
  'a token issued just before a revocation of its $kind is rejected, although the clock of the revoking node is ten minutes behind',
  async ({ kind, claim }) => {
    const token = issuer.sign({ claims: { [claim]: `late-${kind}` } })
    expect(await statuses(token)).toEqual([200, 200])
    const order: RevocationOrder = { kind, id: `late-${kind}`, issuer: issuer.url }
    expect((await behind.revoke(order)).missing).toEqual([])
    expect(await statuses(token)).toEqual([401, 401])
  },
)

test('tokens of an issuer can be revoked up to now, although the clock of the revoking node is ten minutes behind', async () => {
  const beforeS = Math.floor(Date.now() / 1000) - 30
  const token = issuer.sign({ claims: { sub: 'early', iat: beforeS - 30 } })
  expect(await statuses(token)).toEqual([200, 200])
  expect((await behind.revoke({ kind: 'issuer', issuer: issuer.url, beforeS })).missing).toEqual([])
  expect(await statuses(token)).toEqual([401, 401])
})

test('records and receipts of a node whose clock is ten minutes behind last as long as those of a node with a correct clock', async () => {
  const { maxTokenLifetimeS, clockToleranceS } = rulesFor(issuer.url)
  const startMs = Date.now()
  const receipt = await behind.revoke({ kind: 'jti', id: 'lasting', issuer: issuer.url })
  expect(Date.parse(receipt.fenced_by)).toBeGreaterThanOrEqual(startMs)
  for await (const records of store.read()) {
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      expect(expiryOf(records, at)).toBeGreaterThanOrEqual(
        startMs / 1000 + maxTokenLifetimeS + 2 * clockToleranceS - 60,
      )
    }
  }
})
