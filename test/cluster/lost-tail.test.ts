import { expect, test } from 'vitest'
import { HeldConnection } from '../kit/held-connection.ts'
import { startIssuer } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { foundEpoch, startNodeProcesses, startRevocationService } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

// After Redis has lost the end of its event log, the old position of a node does not acknowledge events that are
// written later.

test('after a backup of Redis was restored, a node that has read further than the restored event log does not count as having acknowledged a newer revocation', async () => {
  const redis = await testRedis()
  const link = await testLink(redisSettingsFor(redis.port))
  const { events, positions, members } = link.keys
  await foundEpoch(link)
  await link.store.call('XADD', events, `${Date.now() + 3_600_000}-0`, 'k', 'beat')
  const issuer = await startIssuer()
  const policy = testPolicy({ issuer: issuer.url, orders: (await startUpstream()).url })
  const settings = { revocation: { max_staleness: '60s' } }
  const nodes = await startNodeProcesses({ nodes: 1, policy, redis: { url: redis.url }, settings })
  const service = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })
  const connection = await HeldConnection.open(nodes[0]!.port, '/orders/1')
  const token = issuer.sign()
  expect(await connection.status(token)).toBe(200)
  expect((await service.revoke({ kind: 'subject', id: 'somebody' })).acknowledged.map(({ node }) => node)).toEqual([
    'n1',
  ])

  process.kill(nodes[0]!.pid, 'SIGSTOP')
  try {
    // The state of a replica that became master: it has the node's membership lease, but not the end of the event log.
    await link.store.call('DEL', events, positions)
    expect(await link.store.call('ZCARD', members)).toBe(1)
    const receipt = await service.revoke({ kind: 'token', token }, { wait: 'none' })
    expect(receipt).toMatchObject({ acknowledged: [], missing: ['n1'] })
  } finally {
    process.kill(nodes[0]!.pid, 'SIGCONT')
  }
  await expect.poll(() => connection.status(token)).toBe(401)
  expect((await service.revoke({ kind: 'token', token })).missing).toEqual([])
})
