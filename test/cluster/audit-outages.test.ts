import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../../deploy/redis-server.ts'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { auditLines } from '../kit/audit-records.ts'
import { atEnd } from '../kit/cleanup.ts'
import type { VerbRun } from '../kit/host-order.ts'
import { startNodeProcess } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { freePort } from '../kit/ports.ts'
import { redisSettingsFor, testLink } from '../kit/redis.ts'
import { RedisRelay } from '../kit/redis-relay.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { NodeOptions } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { load } from './limit-load.ts'

// No outage loses an audit record silently. Each admitted request has one record, records are in order, and `audit
// verify` finds no fault. The record chain of a killed node is reported as open, because it was not sealed. Exception:
// when all storage is full, a route with `audit: closed` rejects requests; a route with `audit: open` admits them and
// counts the lost records.

/** Duration of the Redis outage under load, in seconds. */
const outageS = Number(process.env['GATEHOUSE_TEST_AUDIT_OUTAGE_S'] ?? 2)

const port = freePort()
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-audit-'))
const serve = (): Promise<RedisServer> => startRedis({ folder: join(folder, 'redis'), port, appendOnly: true })
let redis = await serve()
atEnd(async () => {
  await redis.stop()
  rmSync(folder, { recursive: true, force: true })
})
const link = await testLink(redisSettingsFor(port))
await foundEpoch(link)
const relay = await RedisRelay.start(port)
const upstream = await startUpstream()
const env = { AUDIT_KEY: randomBytes(32).toString('base64url'), BOOTSTRAP: randomBytes(32).toString('base64url') }

const route = (id: string, audit: string) => ({ id, match: { path: `/${id}/**` }, require: 'public', audit })
const policy = {
  version: 1,
  services: {
    orders: {
      upstreams: [upstream.url],
      credentials: 'none',
      routes: [route('open', 'open'), route('closed', 'closed')],
    },
  },
}

interface AuditNode {
  readonly id: string
  readonly redisPort?: number
  readonly audit?: object
}

function startAudited({ id, redisPort = port, audit = {} }: AuditNode): Promise<NodeProcess> {
  const options: NodeOptions = {
    policy,
    settings: {
      node: { id },
      redis: { url: `redis://127.0.0.1:${redisPort}` },
      // `max_staleness` is longer than any Redis outage of this file, so that a node that starts afterwards can join
      // the cluster. The routes of this file are public and ignore `max_staleness`.
      revocation: { max_staleness: '5m' },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
      keys: { audit: [{ id: 'a1', secret: { env: 'AUDIT_KEY' } }] },
      log: { access: false },
      audit: { spill: { path: join(folder, id) }, ...audit },
    },
    env,
  }
  return startNodeProcess(options)
}

function verify(node: NodeProcess): Promise<VerbRun> {
  return runVerb(['audit', 'verify', '-o', 'json'], {
    GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`,
    GATEHOUSE_ADMIN_TOKEN: env.BOOTSTRAP,
  })
}

async function status(node: NodeProcess): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${env.BOOTSTRAP}` }
  const reply = await fetch(`http://127.0.0.1:${node.adminPort}/status`, { headers })
  return ((await reply.json()) as { audit: Record<string, unknown> }).audit
}

/** Sends requests at a fixed rate. @returns the ids of the requests with status 200 */
async function send(
  nodes: readonly NodeProcess[],
  perSecond: number,
  seconds: number,
  path = '/open/1',
): Promise<string[]> {
  const samples = await load({ ports: nodes.map((node) => node.port), path, perSecond, seconds })
  return samples.filter(({ status }) => status === 200).map(({ fields }) => String(fields['x-request-id']))
}

/** Waits until the audit log in Redis has a record for each of the request ids. @returns all records of the log */
async function recordsWith(ids: readonly string[]): Promise<AuditRecord[]> {
  return recordsOnce('a record for each of the requests', (records) => {
    const recorded = new Set(records.map((record) => record['gatehouse.request.id']))
    return ids.every((id) => recorded.has(id))
  })
}

async function recordsOnce(what: string, holds: (records: AuditRecord[]) => boolean): Promise<AuditRecord[]> {
  for (const deadline = performance.now() + 60_000; ; ) {
    // Redis may still be restarting.
    const records = (await auditLines(link).catch(() => [])).map(({ record }) => record)
    if (holds(records)) return records
    if (performance.now() > deadline) throw new Error(`not within a minute: ${what}`)
    // Reading the whole log is expensive, and the process of this test also relays a node's connection to Redis.
    await sleep(1000)
  }
}

const chainsOf = (records: readonly AuditRecord[], node: string) => [
  ...new Set(records.filter((each) => each['gatehouse.node'] === node).map(({ id }) => id.split('-')[0])),
]

function expectOrdered(records: readonly AuditRecord[], ids: readonly string[]): void {
  const asked = new Set<unknown>(ids)
  expect(records.filter((record) => asked.has(record['gatehouse.request.id']))).toHaveLength(ids.length)
  const last = new Map<string, number>()
  for (const { id } of records) {
    const cut = id.lastIndexOf('-')
    const [chain, number] = [id.slice(0, cut), Number(id.slice(cut + 1))]
    expect(number).toBe((last.get(chain) ?? 0) + 1)
    last.set(chain, number)
  }
}

const pair = await Promise.all(['n1', 'n2'].map((id) => startAudited({ id })))

test.each([
  ['restarted', 'SIGTERM'],
  ['killed, which loses up to one second of writes', 'SIGKILL'],
] as const)(
  'when Redis is %s, nodes under load lose no audit record, and `audit verify` reports no problem',
  async (_, signal) => {
    const sending = send(pair, 200, outageS + 3)
    await sleep(1000)
    process.kill(redis.pid, signal)
    await redis.ended
    await sleep(outageS * 1000)
    redis = await serve()
    const ids = await sending

    expect(ids.length).toBeGreaterThan(200 * outageS)
    expectOrdered(await recordsWith(ids), ids)
    const { exitCode, stdout } = await verify(pair[0]!)
    expect(JSON.parse(stdout)).toMatchObject({ findings: [], more: 0 })
    expect(exitCode).toBe(0)
    for (const node of pair) {
      await expect.poll(() => status(node)).toMatchObject({ lost: 0, in_contact: true, spill: { bytes: 0 } })
    }
  },
)

test('after a node is killed, its next start moves the audit records in its spill folder to Redis, and `audit verify` reports the old chain of the node as open', async () => {
  const before = await startAudited({ id: 'n3', redisPort: relay.port })
  relay.cut()
  const ids = await send([before], 100, 2)
  // After this pause the node has sealed the last batch of audit records and written it to disk.
  await sleep(1000)
  await expect
    .poll(() => status(before))
    .toMatchObject({ in_contact: false, memory_bytes: 0, spill: { bytes: expect.toSatisfy((n) => n > 0) } })
  await before.kill()
  relay.mend()
  const after = await startAudited({ id: 'n3', redisPort: relay.port })
  expectOrdered(await recordsWith(ids), ids)
  const later = await recordsOnce('the records of the next start', (records) => chainsOf(records, 'n3').length > 1)
  expectOrdered(later, ids)
  expect(chainsOf(later, 'n3')).toHaveLength(2)
  const { exitCode, stdout } = await verify(after)
  const report = JSON.parse(stdout) as { findings: unknown[]; chains: { node: string; end: string }[] }
  expect(report.findings).toEqual([])
  expect(report.chains.filter(({ node }) => node === 'n3').map(({ end }) => end)).toEqual(['open', 'running'])
  expect(exitCode).toBe(4)
  await after.stop()
})

test('when Redis is unavailable and the disk and memory space for audit records is full, a route with on_outage.audit `closed` replies 503, a route with `open` admits requests, and the node counts the lost records', {
  // Thousands of requests are needed to fill the storage of a node, which takes long on a busy machine.
  timeout: 300_000,
}, async () => {
  const node = await startAudited({
    id: 'n4',
    redisPort: relay.port,
    audit: { memory: '64KiB', spill: { path: join(folder, 'n4') } },
  })
  await recordsWith(await send([node], 50, 0.2))
  // Simulates a full disk: the node cannot write beyond byte 2,000 of a file.
  execFileSync('prlimit', ['--pid', String(node.pid), '--fsize=2000:2000'])
  relay.cut()
  const full = async () => {
    // Records of 6 KiB that do not compress well fill the memory of 64 KiB soon.
    await send([node], 200, 0.5, `/open/${randomBytes(3000).toString('hex')}`)
    const samples = await load({ ports: [node.port], path: '/closed/1', perSecond: 50, seconds: 0.1 })
    return samples.some((sample) => sample.status === 503 && sample.fields['retry-after'] === '1')
  }
  await until('the closed route rejects a request', full, 200_000)
  const open = await send([node], 100, 0.5)
  expect(open.length).toBe(50)
  const { lost } = (await status(node)) as { lost: number }
  expect(lost).toBeGreaterThanOrEqual(50)

  relay.mend()
  // The closed route rejects requests until the node has handed its waiting records to Redis. Rejected requests have no
  // record.
  await expect.poll(() => send([node], 50, 0.02, '/closed/1')).toHaveLength(1)
  const ids = await send([node], 100, 0.5, '/closed/1')
  expect(ids).toHaveLength(50)
  await recordsWith(ids)
  const { exitCode, stdout } = await verify(node)
  const report = JSON.parse(stdout) as { findings: unknown[]; chains: { node: string; lost: number }[] }
  expect(report.findings).toEqual([])
  expect(report.chains.find((chain) => chain.node === 'n4')).toMatchObject({ lost: (await status(node))['lost'] })
  expect(exitCode).toBe(4)
  await node.stop()
})
