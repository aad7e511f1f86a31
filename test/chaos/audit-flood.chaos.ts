import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Agent, request } from 'undici'
import { expect, test } from 'vitest'
import { auditLines } from '../kit/audit-records.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer } from '../kit/issuer.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { listen } from '../kit/ports.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { until } from '../kit/until.ts'
import { FloodedNode } from './flooded-node.ts'

// A client without a token sends requests with random 8 KB paths, 5 MB/s in total, to two nodes with default settings.
// Meanwhile Redis executes no write for 12 s at a time (CLIENT PAUSE). No node is allowed to crash, and each admitted
// request must have an audit record.
//
//   npm run chaos                                        120 s, Redis paused twice
//   CHAOS_SECONDS=30 CHAOS_PAUSES_AT=5 npm run chaos     shorter
//   CHAOS_TREE=../before CHAOS_EXPECT=crash CHAOS_SECONDS=24 CHAOS_PAUSES_AT=3 npm run chaos
//                                                        tests another checkout, whose node must exit with code 70

//   CHAOS_PREFIX=/orders/ npm run chaos                  floods a route: its 401 records are not aggregated, and are lost
//                                                        while more than half of the audit storage is full

const { CHAOS_TREE, CHAOS_EXPECT, CHAOS_PREFIX = '/' } = process.env
const { CHAOS_SECONDS = '120', CHAOS_PAUSES_AT = '15,70' } = process.env
const SECONDS = Number(CHAOS_SECONDS)
const PAUSES_AT_S = CHAOS_PAUSES_AT.split(',').map(Number)
const PAUSE_S = 12
const FLOOD_BYTES_PER_S = 5_000_000
const PATH_CHARACTERS = 8000
/** Requests with a valid token that each node gets per second. */
const ADMITTED_PER_S = 50
const RSS_MAX_BYTES = 512 * 1024 ** 2

const tree = CHAOS_TREE ?? fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const bootstrap = randomBytes(32).toString('base64url')
const [issuer, redis] = await Promise.all([startIssuer(), testRedis()])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)

/** Ids of the requests that reached the service, recorded by the service itself. */
const served = new Set<string>()
const service = createServer((incoming, response) => {
  served.add(String(incoming.headers['x-request-id']))
  response.end('ok')
})
const servicePort = await listen(service)
atEnd(() => service.close())

const nodes = ['one', 'two'].map(
  (id) =>
    new FloodedNode({
      tree,
      policy: testPolicy({ issuer: issuer.url, orders: `http://127.0.0.1:${servicePort}` }),
      settings: {
        node: { id },
        redis: { url: `redis://127.0.0.1:${redis.port}` },
        admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
      },
      env: { BOOTSTRAP: bootstrap },
    }),
)
atEnd(() => Promise.all(nodes.map((node) => node.remove())))
await Promise.all(nodes.map((node) => node.ready()))

let flooding = true
let floodBytes = 0
let admitted = 0
const notAdmitted = new Map<string, number>()

/**
 * Sends requests with random paths over four connections to each node. FLOOD_BYTES_PER_S is the rate of both nodes
 * together.
 */
async function flood(): Promise<void> {
  const startedAt = performance.now()
  const sockets = nodes.flatMap((node) => Array.from({ length: 4 }, () => new Flooding(node)))
  let turn = 0
  while (flooding) {
    const due = ((performance.now() - startedAt) / 1000) * FLOOD_BYTES_PER_S
    for (let i = 0; floodBytes < due && i < 64; i++) floodBytes += sockets[turn++ % sockets.length]!.send()
    await sleep(5)
  }
  for (const socket of sockets) socket.close()
}

class Flooding {
  readonly #node: FloodedNode
  #socket: Socket | undefined

  constructor(node: FloodedNode) {
    this.#node = node
  }

  /**
   * @returns bytes of the request that was sent; 0 if none was sent because the socket still has more than 1 MiB to
   *   send
   */
  send(): number {
    if (this.#socket === undefined || this.#socket.destroyed) {
      this.#socket = connect(this.#node.port, '127.0.0.1').on('error', () => undefined)
      this.#socket.resume()
    }
    if (this.#socket.writableLength > 1024 ** 2) return 0
    const path = randomBytes(PATH_CHARACTERS * 0.75).toString('base64url')
    const head = `GET ${CHAOS_PREFIX}${path} HTTP/1.1\r\nHost: api.test\r\n\r\n`
    this.#socket.write(head)
    return head.length
  }

  close(): void {
    this.#socket?.destroy()
  }
}

async function admit(node: FloodedNode): Promise<void> {
  const agent = new Agent({ connections: 16 })
  const token = issuer.sign()
  const under = new Set<Promise<void>>()
  while (flooding && node.exitCode === undefined) {
    const call = request(`http://127.0.0.1:${node.port}/orders/1`, {
      dispatcher: agent,
      headers: { authorization: `Bearer ${token}`, host: 'api.test' },
    }).then(
      async ({ statusCode, body }) => {
        await body.dump()
        if (statusCode === 200) admitted++
        else count(String(statusCode))
      },
      (error: Error) => count(error.message),
    )
    under.add(call)
    void call.finally(() => under.delete(call))
    await sleep(1000 / ADMITTED_PER_S)
  }
  await Promise.all(under)
  await agent.close()
}

function count(what: string): void {
  notAdmitted.set(what, (notAdmitted.get(what) ?? 0) + 1)
}

async function pauseRedis(): Promise<void> {
  const startedAt = performance.now()
  for (const atS of PAUSES_AT_S) {
    await sleep(Math.max(0, atS * 1000 - (performance.now() - startedAt)))
    if (!flooding) return
    await link.store.call('CLIENT', 'PAUSE', PAUSE_S * 1000, 'WRITE')
    console.log(`${atS} s: Redis executes no write for ${PAUSE_S} s`)
  }
}

async function auditStatus(node: FloodedNode): Promise<{ oldest_unsent_ms: number; in_contact: boolean }> {
  const status = (await (await node.admin('/status', bootstrap)).json()) as { audit: never }
  return status.audit
}

async function metric(node: FloodedNode, name: string): Promise<number> {
  const text = await (await node.admin('/metrics')).text()
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
  return values.reduce((sum, [, value]) => sum + Number(value), 0)
}

test(`while unauthenticated requests flood two nodes for ${SECONDS} s and Redis writes pause, no node crashes, and no audit record of an admitted request is lost`, async () => {
  const over = sleep(SECONDS * 1000)
  const work = Promise.all([flood(), pauseRedis(), ...nodes.map(admit)])
  const crashed = until('a node to end', () => nodes.some(({ exitCode }) => exitCode !== undefined), SECONDS * 1000)
  await Promise.race([over, crashed.catch(() => undefined)])
  flooding = false
  const exitCodes = nodes.map(({ exitCode }) => exitCode)
  console.log({
    exitCodes,
    floodMB: Math.round(floodBytes / 1e6),
    admitted,
    notAdmitted: Object.fromEntries(notAdmitted),
    peakMiB: nodes.map(({ peakBytes }) => Math.round(peakBytes / 1024 ** 2)),
  })
  if (CHAOS_EXPECT === 'crash') {
    expect(exitCodes).toContain(70)
    const { fault } = nodes
      .flatMap(({ lines }) => lines)
      .find(({ msg }) => msg === 'node ends because of an unexpected fault')!
    console.log(fault)
    return
  }
  await work
  expect(exitCodes).toEqual([undefined, undefined])

  // A node writes the aggregated audit records of the last second one second later.
  await sleep(1500)
  await until('all batches in Redis', async () => {
    const statuses = await Promise.all(nodes.map(auditStatus))
    return statuses.every(({ oldest_unsent_ms, in_contact }) => oldest_unsent_ms === 0 && in_contact)
  })
  const records = (await auditLines(link)).map(({ record }) => record)
  const recorded = new Set(
    records.flatMap((record) =>
      record['gatehouse.decision'] === 'admitted' && record.kind === 'exchange' ? record['gatehouse.request.id'] : [],
    ),
  )
  const missing = [...served].filter((id) => !recorded.has(id))
  const refused = records.filter((record) => record['gatehouse.decision'] === 'refused')
  const refusals = refused.reduce((sum, record) => sum + Number(record['gatehouse.refusals'] ?? 1), 0)
  const verification = await (await nodes[0]!.admin('/api/v1/audit/verification', bootstrap)).json()
  console.log({
    served: served.size,
    recorded: recorded.size,
    missing: missing.length,
    refusalRecords: refused.length,
    refusals,
    lost: await Promise.all(nodes.map((node) => metric(node, 'gatehouse_audit_lost_records_total'))),
    aggregated: await Promise.all(nodes.map((node) => metric(node, 'gatehouse_audit_aggregated_refusals_total'))),
    taskFailures: await Promise.all(nodes.map((node) => metric(node, 'gatehouse_background_task_failures_total'))),
    peakMiB: nodes.map(({ peakBytes }) => Math.round(peakBytes / 1024 ** 2)),
    verification,
  })
  expect(served.size).toBeGreaterThan(SECONDS * ADMITTED_PER_S * 0.5)
  expect(missing).toEqual([])
  for (const { peakBytes } of nodes) expect(peakBytes).toBeLessThan(RSS_MAX_BYTES)
  for (const node of nodes) await node.stop()
  expect(nodes.map(({ exitCode }) => exitCode)).toEqual([0, 0])
})
