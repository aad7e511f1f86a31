import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNodeProcess } from '../kit/node.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// Any node shows the traffic of all nodes, and names the nodes whose traffic it does not know.

const bootstrap = randomBytes(32).toString('base64url')

let issuer: TestIssuer
let nodes: NodeProcess[]

interface Row {
  readonly route: string | null
  readonly nodes: readonly string[]
  readonly requests: number
  readonly refused: number
  readonly faults: number
  readonly reasons: readonly object[]
  readonly upstream_ms: { readonly p50: number } | null
  readonly series: { readonly requests: readonly number[] }
}

interface Traffic {
  readonly nodes: readonly { readonly node: string; readonly at: string | null }[]
  readonly missing: readonly string[]
  readonly total: Row
  readonly services: readonly (Row & { readonly service: string })[]
  readonly routes: readonly Row[]
}

beforeAll(async () => {
  const [{ port }, upstream] = await Promise.all([
    testRedis(),
    startUpstream({
      handler: ({ url }, response) => {
        response.writeHead(url.includes('bad') ? 503 : 200)
        response.end('done')
      },
    }),
  ])
  issuer = await startIssuer()
  const routes = [
    { id: 'read', match: { path: '/read/**' }, require: { scopes: { all: ['read'] } } },
    { id: 'open', match: { path: '/open/**' }, require: 'public' },
  ]
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url, ordersEntry: { routes } })
  nodes = await Promise.all(
    ['n1', 'n2'].map((id) =>
      startNodeProcess({
        policy,
        settings: {
          node: { id },
          redis: { url: `redis://127.0.0.1:${port}` },
          admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
        },
        env: { BOOTSTRAP: bootstrap },
      }),
    ),
  )
})

const traffic = async (...words: string[]) => {
  const env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${nodes[0]!.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
  return runVerb(['traffic', ...words], env)
}

async function shown(): Promise<Traffic> {
  return JSON.parse((await traffic('--output', 'json')).stdout)
}

test('the traffic of a cluster has the requests of all nodes by route, routes with trouble first', async () => {
  const token = issuer.sign({ claims: { scope: 'read' } })
  for (const { port } of nodes) {
    await request(port, requestBytes({ target: '/open/1' }))
    await request(port, requestBytes({ target: '/open/1' }))
    await request(port, requestBytes({ target: '/read/1', token }))
    await request(port, requestBytes({ target: '/read/1' }))
    await request(port, requestBytes({ target: '/unknown' }))
  }
  await request(nodes[1]!.port, requestBytes({ target: '/read/bad', token }))
  await until('the summaries have all requests', async () => (await shown()).total.requests >= 11)

  const { routes, services, total, nodes: listed, missing } = await shown()
  expect(listed.map(({ node, at }) => [node, at !== null])).toEqual([
    ['n1', true],
    ['n2', true],
  ])
  expect(missing).toEqual([])
  expect(routes.map(({ route }) => route)).toEqual(['read', null, 'open'])
  expect(routes[0]).toMatchObject({ nodes: ['n1', 'n2'], requests: 5, refused: 2, faults: 1 })
  expect(routes[0]!.reasons).toEqual([{ reason: 'credential-missing', decision: 'refused', requests: 2 }])
  expect(routes[0]!.upstream_ms!.p50).toBeGreaterThan(0)
  expect(routes[0]!.series.requests.reduce((sum, each) => sum + each, 0)).toBe(5)
  expect(routes[2]).toMatchObject({ requests: 4, refused: 0 })
  expect(services).toMatchObject([{ service: 'orders', requests: 9 }])
  expect(total.requests).toBe(11)
})

test('the traffic of a cluster names a killed node, and the table says that its traffic is missing', async () => {
  expect((await shown()).nodes).toHaveLength(2)
  await nodes[1]!.kill()
  await until('the killed node has no recent summary', async () => (await shown()).missing.includes('n2'))
  expect((await traffic()).stdout).toContain('Node n2 has published no summary in the last 10 s')
})
