import { setTimeout as sleep } from 'node:timers/promises'
import { HeldConnection } from '../kit/held-connection.ts'
import { startIssuer } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { foundEpoch, startNodes, startRevocationService } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

/**
 * Result of many revocations under load. `p50`, `p99` and `max` are milliseconds from a revocation until all nodes have
 * acknowledged it.
 */
export interface LoadResult {
  readonly nodes: number
  readonly revocations: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  /**
   * Number of requests with a revoked token, sent in the event loop tick in which its receipt arrived: one per node.
   */
  readonly tries: number
  readonly admitted: number
  /** Requests per second with valid tokens that the nodes served during the revocations. */
  readonly load: number
}

/**
 * Revokes tokens one after another while nodes serve a steady load. When the receipt of a token arrives, the token is
 * sent to every node in the same tick of the event loop.
 */
export async function revokeUnderLoad(nodeCount: number, revocations: number, perSecond: number): Promise<LoadResult> {
  const redis = await testRedis()
  const link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  const issuer = await startIssuer()
  const upstream = await startUpstream({ handler: (_, response) => void response.end('ok') })
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url })
  const nodes = await startNodes({ nodes: nodeCount, policy, redis: { url: redis.url } })
  const service = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })

  let stopped = false
  let served = 0
  let refused = 0
  const load = nodes.map(async ({ port }) => {
    const connection = await HeldConnection.open(port, '/orders/1')
    const good = issuer.sign()
    while (!stopped) {
      if ((await connection.status(good)) === 200) served += 1
      else refused += 1
      await sleep((1000 * nodeCount) / perSecond)
    }
  })
  const held = await Promise.all(nodes.map(({ port }) => HeldConnection.open(port, '/orders/1')))
  const startedAt = performance.now()
  const times: number[] = []
  let admitted = 0
  for (let i = 0; i < revocations; i++) {
    const token = issuer.sign()
    const before = await Promise.all(held.map((connection) => connection.status(token)))
    if (before.some((code) => code !== 200)) throw new Error(`a valid token was rejected: ${before.join(' ')}`)
    const receipt = await service.revoke({ kind: 'token', token })
    const after = await Promise.all(held.map((connection) => connection.status(token)))
    if (receipt.missing.length > 0) throw new Error(`nodes did not acknowledge: ${receipt.missing.join(' ')}`)
    admitted += after.filter((code) => code !== 401).length
    times.push(Math.max(...receipt.acknowledged.map(({ ms }) => ms)))
  }
  const seconds = (performance.now() - startedAt) / 1000
  stopped = true
  await Promise.all(load)
  if (refused > 0) throw new Error(`${refused} requests with a valid token were rejected`)
  upstream.requests.length = 0
  times.sort((a, b) => a - b)
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))]!
  return {
    nodes: nodeCount,
    revocations,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    tries: revocations * nodeCount,
    admitted,
    load: Math.round(served / seconds),
  }
}
