import { expect, test } from 'vitest'
import { publicPolicy } from '../integration/data-plane-node.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch, maxStalenessMs } from '../kit/node-cluster.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// docs/guide/upstreams.md#drain-an-upstream: a drain holds for every node of the cluster, also for a restarted one.

const bootstrap = 'bootstrap-token-of-the-drain-tests-0001'
const redis = await testRedis()
await foundEpoch(await testLink(redisSettingsFor(redis.port)))
const release = Promise.withResolvers<void>()
const held = await startUpstream({
  handler: async ({ url }, response) => {
    if (url === '/s/held') await release.promise
    response.end('whole')
  },
})
const other = await startUpstream()
const policy = publicPolicy({
  s: { upstreams: [held.url, other.url], entry: { slow_start: 'none' } },
  t: { upstreams: [held.url, other.url], entry: { slow_start: 'none' } },
})

const start = (id: string) =>
  startNode({
    policy,
    settings: {
      node: { id },
      redis: { url: redis.url },
      revocation: { max_staleness: `${maxStalenessMs}ms` },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
    },
    env: { BOOTSTRAP: bootstrap },
  })

const nodes = await Promise.all(['n1', 'n2'].map(start))
await Promise.all(nodes.map((node) => node.ready()))
const [one, two] = nodes as [TestNode, TestNode]

const run = (node: TestNode, ...words: string[]) =>
  runVerb(words, { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap })

/** Number of requests that the upstream with the held call gets of 20 requests to the service. */
async function callsOf(node: TestNode, service: string): Promise<number> {
  const before = held.requests.length
  for (let n = 0; n < 20; n++) {
    expect((await request(node.port, requestBytes({ target: `/${service}/1` }))).status).toBe(200)
  }
  return held.requests.length - before
}

async function statesOn(node: TestNode): Promise<Record<string, string>> {
  const { stdout } = await run(node, 'upstreams', '--output', 'json')
  const { upstreams } = JSON.parse(stdout) as { upstreams: { service: string; upstream: string; state: string }[] }
  return Object.fromEntries(
    upstreams.filter(({ upstream }) => upstream === held.url).map(({ service, state }) => [service, state]),
  )
}

test('after `gatehouse upstreams drain`, no node sends new calls to the upstream, and its running call completes', async () => {
  const running = (async () => {
    for (;;) {
      const reply = await request(one.port, requestBytes({ target: '/s/held' }))
      if (reply.text === 'whole') return reply
    }
  })()
  await until('a call is held', () => held.requests.length > 0)

  const { exitCode, stdout } = await run(one, 'upstreams', 'drain', held.url)
  expect(exitCode).toBe(0)
  // The nodes are listed in the order of their acknowledgements.
  const [drained, applied] = stdout.split('\n')
  expect(drained).toBe(`Drained ${held.url} in s, t.`)
  expect(applied).toMatch(/^Nodes that have applied the change: (?:n1, n2|n2, n1)\.$/)
  for (const node of nodes) {
    expect(await callsOf(node, 's')).toBe(0)
    expect(await callsOf(node, 't')).toBe(0)
    expect(await statesOn(node)).toEqual({ s: 'drained', t: 'drained' })
  }
  release.resolve()
  expect((await running).status).toBe(200)
})

test('a restarted node drains the upstreams that the operator drained in the cluster before the restart', async () => {
  await two.stop()
  const restarted = await start('n2')
  await restarted.ready()
  nodes[1] = restarted

  expect(await callsOf(restarted, 's')).toBe(0)
  const { stdout } = await run(restarted, 'upstreams')
  expect(stdout).toMatch(/^SERVICE +UPSTREAM +ADDRESS +WEIGHT +STATE .*DRAINED UNTIL\n/)
  expect(stdout).toMatch(new RegExp(`s +${held.url} +- +1 +drained .* no end\n`))
})

test('`undrain --service` ends the drain of one service, and `undrain` that of all services', async () => {
  expect(await run(one, 'upstreams', 'undrain', held.url, '--service', 's')).toMatchObject({ exitCode: 0 })
  for (const node of nodes) {
    expect(await statesOn(node)).toEqual({ s: 'up', t: 'drained' })
    expect(await callsOf(node, 's')).toBeGreaterThan(0)
  }
  await run(one, 'upstreams', 'undrain', held.url)
  for (const node of nodes) expect(await statesOn(node)).toEqual({ s: 'up', t: 'up' })
  const again = await run(one, 'upstreams', 'undrain', held.url)
  expect(again).toMatchObject({ exitCode: 0, stdout: `${held.url} was not drained.\n` })
})

test('a drain with `--for` ends by itself on every node', async () => {
  await run(one, 'upstreams', 'drain', held.url, '--service', 's', '--for', '1s')
  for (const node of nodes) {
    await until('the drain has ended', async () => (await statesOn(node))['s'] === 'up')
    expect(await callsOf(node, 's')).toBeGreaterThan(0)
  }
})

test('when all upstreams of a service are drained, the gate calls them anyway', async () => {
  await run(one, 'upstreams', 'drain', held.url, '--service', 's')
  await run(one, 'upstreams', 'drain', other.url, '--service', 's')
  expect(await callsOf(one, 's')).toBeGreaterThan(0)
  await run(one, 'upstreams', 'undrain', other.url)
  await run(one, 'upstreams', 'undrain', held.url)
})

test('`upstreams drain` with an unknown upstream is refused, and the error names the upstreams of the policy', async () => {
  const { exitCode, stderr } = await run(one, 'upstreams', 'drain', 'http://other.test:1', '--service', 's')

  expect(exitCode).not.toBe(0)
  expect(stderr).toContain('service s has no upstream http://other.test:1')
  expect(stderr).toContain(`${held.url}, ${other.url}`)
})

test('without Redis, a node keeps its drains, and a further drain is refused with 503', async () => {
  await run(one, 'upstreams', 'drain', held.url)
  await redis.stop()
  const { exitCode, stderr } = await run(one, 'upstreams', 'drain', other.url)

  expect(exitCode).not.toBe(0)
  expect(stderr).toContain('redis')
  expect(await statesOn(one)).toEqual({ s: 'drained', t: 'drained' })
  expect(await callsOf(one, 't')).toBe(0)
})
