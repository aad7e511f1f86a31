import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../../deploy/redis-server.ts'
import type { Receipt } from '../../gateway/cluster/receipt.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { atEnd } from '../kit/cleanup.ts'
import { HeldConnection } from '../kit/held-connection.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import {
  foundEpoch,
  maxStalenessMs,
  startNodeProcesses,
  startRevocationService,
  type TestService,
} from '../kit/node-cluster.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'
import { redisSettingsFor, testLink, untilReady } from '../kit/redis.ts'
import { RedisRelay } from '../kit/redis-relay.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// During an outage, no node admits a revoked token after the node has acknowledged the revocation. A node that has not
// acknowledged admits the token at most until `fenced_by`, a time in the revocation receipt. Public routes work
// throughout, and the cluster recovers without an operator.

let issuer: TestIssuer
let policy: object
let port: number
let folder: string
let redis: RedisServer
let relay: RedisRelay
let link: RedisLink
let service: TestService
/** Three nodes; the third node reaches Redis through the relay. */
let nodes: NodeProcess[]

const serve = async (): Promise<void> => {
  redis = await startRedis({ folder, port, appendOnly: true })
}

beforeAll(async () => {
  port = freePort()
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-redis-'))
  await serve()
  atEnd(async () => {
    await redis.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  link = await testLink(redisSettingsFor(port))
  await foundEpoch(link)
  issuer = await startIssuer()
  const upstream = await startUpstream()
  policy = testPolicy({ issuer: issuer.url, orders: upstream.url })
  relay = await RedisRelay.start(port)
  const direct = await startNodeProcesses({ nodes: 2, policy, redis: { url: redis.url } })
  const settings = { node: { id: 'n3' } }
  const behind = await startNodeProcesses({
    nodes: 1,
    policy,
    redis: { url: `redis://127.0.0.1:${relay.port}` },
    settings,
  })
  nodes = [...direct, ...behind]
  service = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })
})

async function status(node: NodeProcess, token: string | undefined, target = '/orders/1'): Promise<number> {
  const connection = await HeldConnection.open(node.port, target)
  try {
    return await connection.status(token)
  } finally {
    connection.close()
  }
}

const statuses = (token: string) => Promise.all(nodes.map((node) => status(node, token)))
const publicly = () => Promise.all(nodes.map((node) => status(node, undefined, '/public/1')))
const all = (code: number) => nodes.map(() => code)

/** Waits until every node admits a valid token again. */
async function untilRecovered(limitMs = 60_000): Promise<void> {
  const token = issuer.sign()
  const deadline = performance.now() + limitMs
  for (;;) {
    const seen = await statuses(token)
    if (seen.every((code) => code === 200)) return
    if (performance.now() > deadline) throw new Error(`still ${seen.join(' ')} after ${limitMs} ms`)
    await sleep(100)
  }
}

/** Revokes a token. Repeats the call while the revocation service has no connection to Redis. */
async function revokeWithRetry(token: string, limitMs = 60_000): Promise<Receipt> {
  const deadline = performance.now() + limitMs
  for (;;) {
    try {
      return await service.revoke({ kind: 'token', token })
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(100)
    }
  }
}

/** Waits until expired leases have reduced the cluster to this number of members. */
const untilMembers = (count: number) =>
  until(
    `the cluster has ${count} members`,
    async () => Number(await link.store.call('ZCARD', link.keys.members)) === count,
  )

const untilFenced = ({ fenced_by }: Receipt) => sleep(Math.max(0, Date.parse(fenced_by) - Date.now()) + 1)

test('S-109: when a suspended node resumes, it admits no request with a token that was revoked meanwhile, including requests that waited in its sockets', async () => {
  const [stopped] = nodes
  const tokens = Array.from({ length: 40 }, () => issuer.sign())
  const held: HeldConnection[] = []
  for (const token of tokens) {
    const connection = await HeldConnection.open(stopped!.port, '/orders/1')
    expect(await connection.status(token)).toBe(200)
    held.push(connection)
  }
  stopped!.signal('SIGSTOP')
  // Wait until a reply without events is in the socket of the suspended node. When the node reads this reply later, the
  // reply is too old to prove that the node is up to date.
  await sleep(500)
  const receipts = await Promise.all(tokens.map((token) => service.revoke({ kind: 'token', token })))
  for (const receipt of receipts) {
    expect(receipt.missing).toEqual(['n1'])
    expect(receipt.acknowledged.map(({ node }) => node).sort()).toEqual(['n2', 'n3'])
    expect(receipt.max_staleness_ms).toBe(maxStalenessMs)
  }
  const waiting = held.map((connection, i) => connection.status(tokens[i]!))
  await untilFenced(receipts.at(-1)!)
  stopped!.signal('SIGCONT')
  const seen = await Promise.all(waiting)
  expect(seen.filter((code) => code !== 401 && code !== 503)).toEqual([])
  await untilRecovered()
  expect(await status(stopped!, tokens[0])).toBe(401)
})

test('a suspended node is no longer a member of the cluster when its lease expires, so a receipt does not list the node as missing', async () => {
  const [stopped] = nodes
  stopped!.signal('SIGSTOP')
  await untilMembers(2)
  const receipt = await service.revoke({ kind: 'token', token: issuer.sign() })
  stopped!.signal('SIGCONT')
  expect(receipt.missing).toEqual([])
  expect(receipt.acknowledged).toHaveLength(2)
  await untilRecovered()
})

test('if only one node loses contact with Redis, it replies 503 on protected routes, while the other nodes enforce a revocation', async () => {
  const token = issuer.sign()
  expect(await statuses(token)).toEqual(all(200))
  relay.cut()
  const receipt = await service.revoke({ kind: 'token', token })
  expect(receipt.missing).toEqual(['n3'])
  await untilFenced(receipt)
  expect(await statuses(token)).toEqual([401, 401, 503])
  expect(await publicly()).toEqual(all(200))
  relay.mend()
  await untilRecovered()
  expect(await statuses(token)).toEqual(all(401))
})

test('while Redis is suspended longer than max_staleness, all nodes reply 503 to valid tokens, 401 to revoked tokens, and 200 on public routes', async () => {
  const good = issuer.sign()
  const revoked = issuer.sign()
  expect(await statuses(good)).toEqual(all(200))
  await service.revoke({ kind: 'token', token: revoked })
  process.kill(redis.pid, 'SIGSTOP')
  try {
    await sleep(maxStalenessMs + 200)
    expect(await statuses(good)).toEqual(all(503))
    expect(await statuses(revoked)).toEqual(all(401))
    expect(await publicly()).toEqual(all(200))
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
  await untilRecovered()
  expect(await statuses(revoked)).toEqual(all(401))
})

test('revoked tokens stay revoked on all nodes after Redis is killed and restarts from its files', async () => {
  const revoked = issuer.sign()
  const { fsynced } = await service.revoke({ kind: 'token', token: revoked }, { durable: true })
  expect(fsynced).toBe(true)
  process.kill(redis.pid, 'SIGKILL')
  await redis.ended
  await sleep(maxStalenessMs + 200)
  expect(await publicly()).toEqual(all(200))
  await serve()
  await untilRecovered()
  expect(await statuses(revoked)).toEqual(all(401))
  const later = issuer.sign()
  expect((await revokeWithRetry(later)).missing).toEqual([])
  expect(await statuses(later)).toEqual(all(401))
})

test('after a Redis data loss, the nodes restore the revocations in Redis, and a node that joins the cluster later rejects a revoked token', async () => {
  const revoked = issuer.sign()
  await revokeWithRetry(revoked)
  await untilReady(link.store)
  await link.store.call('FLUSHALL')
  const settings = { node: { id: 'n4' } }
  const [joined] = await startNodeProcesses({ nodes: 1, policy, redis: { url: redis.url }, settings })
  expect(await status(joined!, revoked)).toBe(401)
  expect(await status(joined!, issuer.sign())).toBe(200)
  await joined!.stop()
  await untilRecovered()
  await untilMembers(3)
  const later = issuer.sign()
  const receipt = await revokeWithRetry(later)
  expect(receipt.acknowledged.map(({ node }) => node).sort()).toEqual(['n1', 'n2', 'n3'])
  expect(await statuses(later)).toEqual(all(401))
})

test('when Redis is out of memory, nodes admit valid tokens, and a revocation of a single token works', async () => {
  await untilReady(link.store)
  await link.store.call('CONFIG', 'SET', 'maxmemory', '100kb')
  try {
    await expect(link.store.call('SET', 'anything', 'x'.repeat(1000))).rejects.toThrow('OOM')
    const token = issuer.sign()
    await sleep(maxStalenessMs + 200)
    expect(await statuses(token)).toEqual(all(200))
    const receipt = await service.revoke({ kind: 'token', token })
    expect(receipt.missing).toEqual([])
    expect(await statuses(token)).toEqual(all(401))
  } finally {
    await link.store.call('CONFIG', 'SET', 'maxmemory', '0')
  }
})
