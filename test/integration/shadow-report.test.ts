import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { auditRecords } from '../kit/audit-records.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { startUpstream } from '../kit/upstream.ts'

// `gatehouse shadow report` counts what shadow requirements would have refused, by route, reason and client.

const [issuer, upstream, redis] = await Promise.all([startIssuer(), startUpstream(), testRedis()])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const bootstrap = randomBytes(32).toString('base64url')
const read = { scopes: { all: ['orders:read'] } }
const mfa = { require: { claims: { amr: { any: ['mfa'] } } } }
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      orders: {
        upstreams: [upstream.url],
        routes: [
          { id: 'orders', match: { path: '/orders' }, require: read, shadow: mfa },
          { id: 'open', match: { path: '/open' }, require: 'public', shadow: { require: read } },
          { id: 'plain', match: { path: '/plain' }, require: 'public' },
        ],
      },
    },
  },
  settings: {
    redis: { url: `redis://127.0.0.1:${redis.port}` },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
  },
  env: { BOOTSTRAP: bootstrap },
})

const tokens = {
  strong: issuer.sign({ claims: { amr: ['mfa'] } }),
  weak: issuer.sign(),
  batch: issuer.sign({ claims: { client_id: 'batch' } }),
  none: issuer.sign({ claims: { scope: '' } }),
}
const send = (target: string, token?: keyof typeof tokens) =>
  request(node.port, requestBytes({ target, ...(token && { token: tokens[token] }) }))

for (const token of ['strong', 'weak', 'weak', 'batch', 'none'] as const) await send('/orders', token)
await send('/plain')
await send('/open')
await auditRecords(link, (record) => record['url.path'] === '/open')

test('`gatehouse shadow report` counts admitted requests that a shadow requirement would refuse, and not requests that were refused anyway', async () => {
  const env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
  const [json, text, one] = await Promise.all(
    [['-o', 'json'], [], ['-o', 'json', '--route', 'open']].map((words) =>
      runVerb(['shadow', 'report', ...words], env),
    ),
  )
  const { routes, refusals } = JSON.parse(json!.stdout)

  expect([json!.exitCode, json!.stderr]).toEqual([0, ''])
  expect(routes).toEqual([
    { route: 'orders', evaluated: 5, met: 1, newly_refused: 3, refused_anyway: 1 },
    { route: 'open', evaluated: 1, met: 0, newly_refused: 1, refused_anyway: 0 },
  ])
  expect(refusals).toEqual([
    expect.objectContaining({ route: 'orders', reason: 'claim-mismatch', client: 'reader', requests: 2 }),
    expect.objectContaining({ route: 'open', reason: 'credential-missing', client: null, requests: 1 }),
    expect.objectContaining({ route: 'orders', reason: 'claim-mismatch', client: 'batch', requests: 1 }),
  ])
  expect(text!.stdout).toMatch(/^2 +orders +claim-mismatch +reader +\S+$/m)
  expect(JSON.parse(one!.stdout).routes.map(({ route }: { route: string }) => route)).toEqual(['open'])
})
