import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

// The audit record of a forward-auth check describes the original request. S-143: a password appears in no audit record
// and no log line.

const [upstream, redis] = await Promise.all([startUpstream(), testRedis()])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const node = await startNode({
  policy: {
    version: 1,
    services: {
      orders: {
        upstreams: [upstream.url],
        routes: [{ id: 'orders', match: { path: '/orders/**' }, require: 'public', audit: { query: true } }],
      },
    },
  },
  settings: { redis: { url: `redis://127.0.0.1:${redis.port}` }, check: { peers: ['127.0.0.0/8'] } },
})

/** Sends a marker request and waits for its audit record. @returns all audit records so far */
async function records(): Promise<AuditRecord[]> {
  const mark = `/${randomUUID()}`
  await request(node.port, requestBytes({ target: mark }))
  return auditRecords(link, (record) => record['url.path'] === mark)
}

test('the audit record of a forward-auth check contains the method, host and query of the original request', async () => {
  const fields: [string, string][] = [
    ['X-Forwarded-For', '203.0.113.9'],
    ['X-Forwarded-Method', 'DELETE'],
    ['X-Forwarded-Host', 'shop.test'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Uri', '/orders/7?force=1&access_token=s3cret'],
  ]
  const reply = await request(node.port, requestBytes({ target: '/.gatehouse/check', host: 'gate.test', fields }))

  expect(reply.status).toBe(200)
  expect(await records()).toContainEqual(
    expect.objectContaining({
      'gatehouse.route': 'orders',
      'http.request.method': 'DELETE',
      'server.address': 'shop.test',
      'url.path': '/orders/7',
      'url.query': 'force=1&access_token=(withheld)',
    }),
  )
})

test('a password in a Host field appears in no audit record and no log line of the node', async () => {
  const { status } = await request(node.port, requestBytes({ target: '/orders/2', host: 'alice:s3cret@api.test' }))

  expect(status).toBe(400)
  expect(await records()).toContainEqual(expect.objectContaining({ 'server.address': '(withheld)@api.test' }))
  expect(JSON.stringify([await records(), node.log])).not.toContain('s3cret')
})
