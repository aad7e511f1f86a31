import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { startIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// With `log.access: audit`, the access-log line of an exchange has the fields of its audit record.

const [issuer, upstream, redis] = await Promise.all([startIssuer(), startUpstream(), testRedis()])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const policy = testPolicy({ issuer: issuer.url, orders: upstream.url })
const log = { access: 'audit', format: 'json' }
const node = await startNode({ policy, settings: { redis: { url: `redis://127.0.0.1:${redis.port}` }, log } })

/** Returns the audit record of the exchange with this path. */
async function recordOf(path: string): Promise<AuditRecord> {
  const isWanted = (record: AuditRecord): boolean => record['url.path'] === path
  return (await auditRecords(link, isWanted)).find(isWanted)!
}

test.each([
  { title: 'an admitted exchange', path: '/orders/', status: 200, token: issuer.sign() },
  { title: 'a refused exchange', path: '/orders/', status: 401, token: 'x' },
  { title: 'a refusal without a route', path: '/nowhere/', status: 404, token: undefined },
  { title: 'an exchange with hostile text', path: '/orders/%22%7D%7B', status: 200, token: issuer.sign() },
])(
  'with log.access: audit, the line of $title has the fields of its audit record, without the record id',
  async (one) => {
    const target = `${one.path}${randomUUID()}`
    const fields = [['User-Agent', '"},{"msg":"exchange"} \\ \u0085']] as const
    const reply = await request(node.port, requestBytes({ target, fields, ...(one.token && { token: one.token }) }))
    expect(reply.status).toBe(one.status)
    const id = reply.field('x-request-id')

    const line = await node.waitForRecord((record) => record['gatehouse.request.id'] === id)
    const { id: recordId, ...record } = await recordOf(String(line['url.path']))
    expect(line).toEqual({ level: 'info', msg: 'exchange', ...record })
    expect(recordId).toMatch(/^node-under-test\./)
  },
)

test('with log.access: audit, each refusal has a line, also if its audit record is aggregated with others', async () => {
  const prefix = `/nowhere/${randomUUID()}/`
  let sent = 0
  // On a busy machine, fewer than 20 requests per second may arrive at first, and no record is aggregated.
  await until('an aggregated record', async () => {
    for (let i = 0; i < 100; i++) await request(node.port, requestBytes({ target: `${prefix}${sent++}` }))
    return (await readMetrics(node.adminPort)).sum('gatehouse_audit_aggregated_refusals_total') > 0
  })

  const own = () => node.accessLog().filter((line) => String(line['url.path']).startsWith(prefix))
  await until('a line for each refusal', () => own().length >= sent)
  expect(own()).toHaveLength(sent)
})

test('with log.access: audit, a node without Redis writes the same lines', async () => {
  const alone = await startNode({ policy, settings: { log } })
  const target = `/orders/${randomUUID()}`
  await request(alone.port, requestBytes({ target, token: issuer.sign() }))

  const line = await alone.waitForRecord((record) => record['url.path'] === target)
  expect(line).toMatchObject({ kind: 'exchange', 'user.id': 'alice', 'http.response.status_code': 200 })
})
