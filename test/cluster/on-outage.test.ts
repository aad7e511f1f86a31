import { expect, test } from 'vitest'
import { HeldConnection } from '../kit/held-connection.ts'
import { startIssuer } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { foundEpoch, startNodes, startRevocationService } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

// A route with `on_outage: { revocation: "stale N" }` admits requests for the time N after the last contact with Redis.
// The route has this key itself, or the policy has it and the route has no other value.
// Revocation receipts state the longest such time.

test('while Redis hangs, a route with `closed` stops admitting requests after 5 s; a route with `stale 15s` from the policy still admits them until 15 s, and revocation receipts state 15 s', async () => {
  const redis = await testRedis()
  const link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  const issuer = await startIssuer()
  const upstream = await startUpstream()
  const require = { scopes: { all: ['orders:read'] } }
  const policy = {
    ...testPolicy({
      issuer: issuer.url,
      orders: upstream.url,
      ordersEntry: {
        routes: [
          { id: 'strict', match: { path: '/orders/**' }, require, on_outage: { revocation: 'closed' } },
          { id: 'patient', match: { path: '/patient/**' }, require },
        ],
      },
    }),
    on_outage: { revocation: 'stale 15s' },
  }
  const settings = { revocation: { max_staleness: '5s' } }
  const [node] = await startNodes({ nodes: 1, policy, redis: { url: redis.url }, settings })
  expect(node!.log.find(({ msg }) => msg === 'node started')!['without_redis']).toBe(
    'requests with a credential get 503 after 5s (revocation.max_staleness), and public routes continue; 1 route replies ' +
      '503 only after 15s (on_outage.revocation), and may admit revoked credentials until then',
  )
  const strict = await HeldConnection.open(node!.port, '/orders/1')
  const patient = await HeldConnection.open(node!.port, '/patient/1')
  const token = issuer.sign()
  const both = () => Promise.all([strict.status(token), patient.status(token)])
  expect(await both()).toEqual([200, 200])

  const service = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })
  const receipt = await service.revoke({ kind: 'token', token: issuer.sign() })
  expect(receipt).toMatchObject({ max_staleness_ms: 15_000, missing: [] })

  process.kill(redis.pid, 'SIGSTOP')
  try {
    await expect.poll(both).toEqual([503, 200])
    await expect.poll(both).toEqual([503, 503])
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
  await expect.poll(both).toEqual([200, 200])
})
