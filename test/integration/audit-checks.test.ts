import { expect, test } from 'vitest'
import { auditRecords } from '../kit/audit-records.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

// docs/design/contract.md §1: a forward-auth check leaves the audit record that the checked request itself would
// leave. The record does not describe the request in which the proxy sent the check to the gate.

const [issuer, upstream, redis] = await Promise.all([startIssuer(), startUpstream(), testRedis()])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      orders: {
        upstreams: [upstream.url],
        routes: [
          {
            id: 'write',
            match: { host: 'api.test', path: '/orders/**', methods: ['DELETE'] },
            require: { scopes: { all: ['orders:read'] } },
            audit: { query: true },
          },
        ],
      },
    },
  },
  settings: { check: { peers: ['127.0.0.0/8'] }, redis: { url: `redis://127.0.0.1:${redis.port}` } },
})

const asked: [string, string][] = [
  ['X-Forwarded-For', '203.0.113.9'],
  ['X-Forwarded-Method', 'DELETE'],
  ['X-Forwarded-Host', 'api.test'],
  ['X-Forwarded-Uri', '/orders/7?force=1&token=x'],
]

test.each([
  ['admitted', 200, { token: issuer.sign() }],
  ['refused', 401, {}],
] as const)(
  'the audit record of a forward-auth check that is %s has the method, host, path and query that the proxy stated',
  async (decision, status, who) => {
    const bytes = requestBytes({ target: '/.gatehouse/check', host: 'gate.internal', fields: asked, ...who })
    const reply = await request(node.port, bytes)
    const id = reply.field('x-request-id')

    expect(reply.status).toBe(status)
    const ofCheck = (record: { readonly 'gatehouse.request.id'?: unknown }) => record['gatehouse.request.id'] === id
    const records = (await auditRecords(link, ofCheck)).filter(ofCheck)
    expect(records).toHaveLength(1)
    expect(records[0]).toMatchObject({
      'gatehouse.check': '/.gatehouse/check',
      'gatehouse.decision': decision,
      'gatehouse.route': 'write',
      'client.address': '203.0.113.9',
      'server.address': 'api.test',
      'http.request.method': 'DELETE',
      'url.path': '/orders/7',
      'url.query': 'force=1&token=(withheld)',
    })
  },
)
