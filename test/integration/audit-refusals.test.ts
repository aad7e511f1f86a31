import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { auditLines } from '../kit/audit-records.ts'
import { atEnd } from '../kit/cleanup.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { startShipping } from '../kit/shipping-worker.ts'
import { until } from '../kit/until.ts'

// Above a rate, several refused requests without a route share one aggregated audit record. Every refused request is
// in exactly one record. CLI verbs and sinks handle aggregated records like all other records.

const bootstrap = randomBytes(32).toString('base64url')
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-refusals-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const { port } = await testRedis()
const link = await testLink(redisSettingsFor(port))
await foundEpoch(link)
const node = await startNode({
  policy: testPolicy({ issuer: 'http://127.0.0.1:9', orders: 'http://127.0.0.1:9' }),
  settings: {
    redis: { url: `redis://127.0.0.1:${port}` },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
  },
  env: { BOOTSTRAP: bootstrap },
})
const archive = join(folder, 'audit.ndjson')
await startShipping(port, { file: { type: 'file', path: archive } })

let sent = 0

/** Sends requests that match no route, ten at a time. */
async function flood(count: number): Promise<void> {
  for (let i = 0; i < count; i += 10) {
    const statuses = await Promise.all(Array.from({ length: 10 }, () => refused()))
    expect(new Set(statuses)).toEqual(new Set([404]))
  }
}

async function refused(): Promise<number> {
  sent++
  const fields = [['User-Agent', `flood ${'u'.repeat(300)}`]] as const
  return (await request(node.port, requestBytes({ target: `/nowhere/${sent}/${'x'.repeat(2000)}`, fields }))).status
}

const counted = (records: readonly AuditRecord[]) =>
  records.reduce((sum, { kind, ...rest }) => {
    if (kind === 'refusals') return sum + Number(rest['gatehouse.refusals'])
    return sum + (rest['gatehouse.reason'] === 'route-unknown' ? 1 : 0)
  }, 0)

const isAggregated = ({ kind }: AuditRecord) => kind === 'refusals'

test('each refused request is counted by exactly one audit record, its own or a summary record, and path and user agent are truncated to 256 bytes', async () => {
  let records: AuditRecord[] = []
  // On a busy machine, fewer than 20 requests per second may arrive at first, and no record is aggregated.
  await until('an aggregated record', async () => {
    await flood(300)
    records = (await auditLines(link)).map(({ record }) => record)
    return records.some(isAggregated)
  })
  await until('all refusals in the log', async () => {
    records = (await auditLines(link)).map(({ record }) => record)
    return counted(records) >= sent
  })
  expect(counted(records)).toBe(sent)
  expect(records.find(isAggregated)).toEqual({
    id: expect.any(String),
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    kind: 'refusals',
    'gatehouse.node': 'node-under-test',
    'client.address': '127.0.0.1',
    'gatehouse.request.id': expect.any(String),
    'gatehouse.decision': 'refused',
    'gatehouse.reason': 'route-unknown',
    'gatehouse.refusals': expect.any(Number),
    'gatehouse.refusals.until': expect.any(String),
    'gatehouse.refusals.reasons': expect.stringMatching(/^\{"route-unknown":\d+\}$/),
  })
  const own = records.find((record) => record['gatehouse.reason'] === 'route-unknown' && record.kind === 'exchange')!
  for (const field of ['url.path', 'user_agent.original'] as const) {
    expect(Buffer.byteLength(String(own[field]))).toBeLessThanOrEqual(256)
    expect(own[field]).toMatch(/…$/)
  }
  const metrics = await readMetrics(node.adminPort)
  expect(metrics.sum('gatehouse_audit_aggregated_refusals_total')).toBeGreaterThan(0)
})

test('`audit verify` accepts summary records of refused requests, and `audit search` finds them by kind, reason and decision', async () => {
  const env = { GATEHOUSE_ADMIN_TOKEN: bootstrap, GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}` }
  const verified = await runVerb(['audit', 'verify'], env)
  expect(verified).toMatchObject({ exitCode: 0, stderr: '' })
  const words = ['--kind', 'refusals', '--reason', 'route-unknown', '--decision', 'refused', '--limit', '1000']
  const found = await runVerb(['audit', 'search', ...words], env)
  expect(found.exitCode).toBe(0)
  expect(found.stdout).toMatch(/refused - refusals reason=route-unknown refusals=\d+ address=127\.0\.0\.1 request=/)
})

test('the stream of audit records sends a summary record of refused requests as soon as the record is written', async () => {
  const controller = new AbortController()
  atEnd(() => controller.abort())
  const reply = await fetch(`http://127.0.0.1:${node.adminPort}/api/v1/audit/stream?kind=refusals`, {
    headers: { authorization: `Bearer ${bootstrap}` },
    signal: controller.signal,
  })
  expect(reply.status).toBe(200)
  let seen = ''
  const read = (async () => {
    for await (const chunk of reply.body!.pipeThrough(new TextDecoderStream())) seen += chunk
  })().catch(() => undefined)
  await until('a record in the stream', async () => {
    await flood(100)
    return seen.includes('"kind":"refusals"')
  })
  controller.abort()
  await read
})

test('an audit sink receives summary records of refused requests with valid seals', async () => {
  await until('the records in the file of the sink', () => {
    if (!existsSync(archive)) return false
    const lines = readFileSync(archive, 'utf8').split('\n')
    return lines.some((line) => line.includes('"kind":"refusals"'))
  })
  const verified = await runVerb(['audit', 'verify', '--partial', archive], {})
  expect([0, 4]).toContain(verified.exitCode)
})
