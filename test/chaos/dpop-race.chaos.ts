import { Agent, request } from 'undici'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { DpopClient } from '../kit/dpop.ts'
import { startIssuer } from '../kit/issuer.ts'
import { foundEpoch, startNodes } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

// Four nodes get each DPoP proof at the same time, 1,000 times, and exactly one request of each proof must be admitted
// (RFC 9449 §11.1). Then the CPU time of a node for requests with proofs is compared with that for bearer tokens.
//
//   npm run chaos -- dpop                    1,000 proofs, 2 × 4,000 requests for the comparison
//   CHAOS_PROOFS=100 npm run chaos -- dpop   fewer

const PROOFS = Number(process.env['CHAOS_PROOFS'] ?? '1000')
/** Number of DPoP proofs whose requests are in flight at once. */
const CONCURRENT = 16
const COMPARED = 4 * PROOFS
const publicUrl = 'https://api.example'
const target = '/orders/1'

const client = new DpopClient()
const agent = new Agent({ connections: CONCURRENT, pipelining: 1 })
let nodes: TestNode[]
let bearer: string
let bound: string

beforeAll(async () => {
  atEnd(() => agent.close())
  const issuer = await startIssuer()
  bearer = issuer.sign()
  bound = client.tokenOf(issuer)
  const orders = await startUpstream({ handler: (_received, response) => void response.end('ok') })
  const redis = await testRedis()
  await foundEpoch(await testLink(redisSettingsFor(redis.port)))
  nodes = await startNodes({
    nodes: 4,
    policy: testPolicy({ issuer: issuer.url, orders: orders.url }),
    redis: { url: redis.url },
    settings: { public_url: publicUrl, revocation: { max_staleness: '60s' } },
  })
})

interface Sent {
  readonly status: number
  readonly code: string
}

async function send({ port }: TestNode, headers: Record<string, string>): Promise<Sent> {
  const reply = await request(`http://127.0.0.1:${port}${target}`, { headers, dispatcher: agent })
  const text = await reply.body.text()
  return { status: reply.statusCode, code: reply.statusCode === 200 ? '' : (JSON.parse(text) as { code: string }).code }
}

const proven = () => ({ authorization: `DPoP ${bound}`, dpop: client.proof(publicUrl + target, bound) })

/** Runs `work` `times` times, at most `CONCURRENT` at once. */
async function repeat(times: number, work: () => Promise<void>): Promise<void> {
  let left = times
  await Promise.all(
    Array.from({ length: CONCURRENT }, async () => {
      while (left-- > 0) await work()
    }),
  )
}

test(`of four simultaneous requests with the same DPoP proof to four nodes, exactly one is admitted, for each of ${PROOFS} proofs`, async () => {
  const admitted = new Map<number, number>()
  const others = new Map<string, number>()
  await repeat(PROOFS, async () => {
    const headers = proven()
    const sent = await Promise.all(nodes.map((node) => send(node, headers)))
    const count = sent.filter(({ status }) => status === 200).length
    admitted.set(count, (admitted.get(count) ?? 0) + 1)
    for (const { status, code } of sent) if (status !== 200) others.set(code, (others.get(code) ?? 0) + 1)
  })

  console.log('admitted per proof:', Object.fromEntries(admitted), 'rejected:', Object.fromEntries(others))
  expect([...admitted]).toEqual([[1, PROOFS]])
  expect([...others]).toEqual([['invalid_dpop_proof', 3 * PROOFS]])
})

test('the test reports the CPU time of a node per request with a DPoP proof and per request with a bearer token', async () => {
  const node = nodes[0]!
  const microseconds = async (headers: () => Record<string, string>): Promise<number> => {
    await repeat(COMPARED / 4, async () => void (await send(node, headers())))
    const before = node.cpuMs()
    await repeat(COMPARED, async () => {
      expect((await send(node, headers())).status).toBe(200)
    })
    return ((node.cpuMs() - before) / COMPARED) * 1000
  }

  const plain = await microseconds(() => ({ authorization: `Bearer ${bearer}` }))
  const proof = await microseconds(proven)
  console.log(`CPU of a node per request: bearer ${plain.toFixed(0)} µs, DPoP (ES256) ${proof.toFixed(0)} µs`)
})
