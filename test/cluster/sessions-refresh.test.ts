// S-100: concurrent exchanges at several nodes that find an expired access token cause one refresh. Refresh tokens of
// this issuer can be used once; a second use revokes the whole grant. GATEHOUSE_TEST_ISSUER_MS is the reply time of the
// issuer in ms (default 1000).

import { beforeAll, expect, test } from 'vitest'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { type RefreshProvider, startRefreshProvider } from '../kit/refresh-provider.ts'
import { loginOf, type SessionNode, startSessionNodes, type Use } from '../kit/session-node.ts'

const issuerMs = Number(process.env['GATEHOUSE_TEST_ISSUER_MS'] ?? 1000)

let provider: RefreshProvider
let redisPort: number
let nodes: SessionNode[]

beforeAll(async () => {
  provider = await startRefreshProvider()
  redisPort = (await testRedis()).port
  nodes = await startSessionNodes({ nodes: 4, provider, redisPort })
})

const versions = (uses: readonly Use[]) => [
  ...new Set(uses.map((use) => (typeof use === 'string' ? use : `version ${use.version}`))),
]

test('when the access token of a session has expired, 200 concurrent uses of the session at 4 nodes cause one refresh, and all get the new access token', async () => {
  const { cookie } = await nodes[0]!.create(await loginOf(provider, { leftS: 0 }))
  provider.delayMs = issuerMs
  const uses = (await Promise.all(nodes.map((node) => node.use(cookie, 50)))).flat()
  provider.delayMs = 0

  expect(uses.length).toBe(200)
  expect(versions(uses)).toEqual(['version 2'])
  expect(new Set(uses.map((use) => (use as { accessToken: string }).accessToken)).size).toBe(1)
  expect(provider.calls).toEqual({ asked: 1, granted: 1, refused: 0 })
})

test('after a hundred refreshes the Redis record of a session has grown by less than 100 bytes, and a node holds at most two sessions in memory', async () => {
  const link = await testLink(redisSettingsFor(redisPort))
  provider.accessTokenS = 1
  const { cookie, session } = await nodes[0]!.create(await loginOf(provider, { leftS: 1 }))
  const sizes: number[] = []
  const before = { ...provider.calls }
  for (let i = 0; i < 100; i++) {
    const [use] = await nodes[i % 4]!.use(cookie)
    expect(use).toMatchObject({ version: expect.any(Number) })
    sizes.push(Number(await link.store.call('MEMORY', 'USAGE', link.keys.session(session.id))))
  }
  provider.accessTokenS = 600

  expect(provider.calls.granted - before.granted).toBeGreaterThanOrEqual(100)
  expect(provider.calls.refused).toBe(0)
  expect(Math.max(...sizes.slice(1))).toBeLessThan(sizes[1]! + 100)
  expect((await nodes[0]!.counts()).held).toBeLessThanOrEqual(2)
})
