// RFC 9449 §9, §11.1: several nodes admit a DPoP proof once, and accept each other's nonces. docs/design/attack-cases.md,
// S-081 and S-082. test/chaos/dpop-race.chaos.ts sends more proofs.

import { beforeAll, expect, test } from 'vitest'
import { DpopClient, dpopFields } from '../kit/dpop.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { foundEpoch, startNodes } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

const publicUrl = 'https://api.example'
const client = new DpopClient()
let issuer: TestIssuer
let redis: Awaited<ReturnType<typeof testRedis>>
let nodes: TestNode[]
let token: string

beforeAll(async () => {
  issuer = await startIssuer()
  token = client.tokenOf(issuer)
  const orders = await startUpstream()
  redis = await testRedis()
  await foundEpoch(await testLink(redisSettingsFor(redis.port)))
  const require = { scopes: { all: ['orders:read'] } }
  const route = (id: string, replay: string) => ({
    id,
    match: { path: `/${id}/**` },
    require,
    on_outage: { replay, revocation: 'stale 10m' },
  })
  const limits = [{ name: 'few', by: 'subject', requests: 2, window: '1h' }]
  const few = { id: 'few', match: { path: '/few/**' }, require, limits }
  nodes = await startNodes({
    nodes: 4,
    policy: testPolicy({
      issuer: issuer.url,
      orders: orders.url,
      ordersEntry: { routes: [route('orders', 'closed'), route('own', 'node'), few] },
    }),
    redis: { url: redis.url },
    settings: { public_url: publicUrl, revocation: { max_staleness: '60s' } },
  })
})

const proofFor = (target: string, nonce?: string) =>
  client.proof(publicUrl + target, token, nonce === undefined ? {} : { claims: { nonce } })

const send = (node: TestNode, target: string, proof: string): Promise<RawReply> =>
  request(node.port, requestBytes({ target, fields: dpopFields(token, proof) }))

const codeOf = (reply: RawReply) => (reply.status === 200 ? 200 : (reply.json() as { code: string }).code)

test('S-081: of four simultaneous requests with the same DPoP proof to four nodes, exactly one is admitted', async () => {
  for (let i = 0; i < 20; i++) {
    const proof = proofFor('/orders/1')
    const codes = (await Promise.all(nodes.map((node) => send(node, '/orders/1', proof)))).map(codeOf)

    expect(codes.toSorted()).toEqual([200, 'invalid_dpop_proof', 'invalid_dpop_proof', 'invalid_dpop_proof'])
  }
})

test('a replayed DPoP proof does not count against the rate limit of the subject', async () => {
  const proof = proofFor('/few/1')
  const replies = []
  for (const node of [...nodes, ...nodes]) replies.push(await send(node, '/few/1', proof))

  expect(replies.map(codeOf).filter((code) => code === 200)).toHaveLength(1)
  expect(codeOf(await send(nodes[1]!, '/few/1', proofFor('/few/1')))).toBe(200)
  expect(codeOf(await send(nodes[2]!, '/few/1', proofFor('/few/1')))).toBe('rate_limited')
})

test('S-082: after Redis lost its data, a DPoP proof needs a nonce of the new cluster epoch, and every node accepts the nonces of the other nodes', async () => {
  const used = proofFor('/orders/1')
  expect(codeOf(await send(nodes[0]!, '/orders/1', used))).toBe(200)
  const link = await testLink(redisSettingsFor(redis.port))
  await link.store.call('FLUSHALL')

  // Until the nodes have restored their data, they answer 503. A used proof must not be admitted at any time.
  for (const node of nodes) {
    await until('the node asks for a nonce', async () => {
      const code = codeOf(await send(node, '/orders/1', used))
      expect(['unavailable', 'use_dpop_nonce', 'invalid_dpop_proof']).toContain(code)
      return code === 'use_dpop_nonce'
    })
  }
  const asked = await send(nodes[0]!, '/orders/1', proofFor('/orders/1'))
  expect(asked.field('www-authenticate')).toMatch(/^DPoP error="use_dpop_nonce", algs="/)
  const nonce = asked.field('dpop-nonce')!
  for (const node of nodes) {
    await until(
      'the node is in the new epoch',
      async () => codeOf(await send(node, '/orders/1', proofFor('/orders/1', nonce))) === 200,
    )
  }
  const forged = `${nonce.slice(0, -4)}AAAA`
  for (const wrong of [forged, 'x', '']) {
    expect(codeOf(await send(nodes[1]!, '/orders/1', proofFor('/orders/1', wrong)))).toBe('use_dpop_nonce')
  }
  const again = proofFor('/orders/1', nonce)
  expect(codeOf(await send(nodes[2]!, '/orders/1', again))).toBe(200)
  const replayed = await send(nodes[3]!, '/orders/1', again)
  expect([codeOf(replayed), replayed.field('dpop-nonce')]).toEqual(['invalid_dpop_proof', expect.any(String)])
})

test('while Redis is unavailable, a route rejects requests with DPoP proofs with 503, and a route with on_outage `replay: node` admits each proof once per node', async () => {
  const nonce = (await send(nodes[0]!, '/own/1', proofFor('/own/1'))).field('dpop-nonce')!
  const before = proofFor('/own/1', nonce)
  expect(codeOf(await send(nodes[0]!, '/own/1', before))).toBe(200)
  await redis.stop()

  await until(
    'the node cannot reach Redis',
    async () => codeOf(await send(nodes[0]!, '/orders/1', proofFor('/orders/1', nonce))) === 'unavailable',
  )
  expect(codeOf(await send(nodes[0]!, '/own/1', before))).toBe('invalid_dpop_proof')
  const proof = proofFor('/own/1', nonce)
  expect(codeOf(await send(nodes[0]!, '/own/1', proof))).toBe(200)
  expect(codeOf(await send(nodes[0]!, '/own/1', proof))).toBe('invalid_dpop_proof')
  expect(codeOf(await send(nodes[1]!, '/own/1', proof))).toBe(200)
})
