import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { startIssuer, type TestIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { redisSettingsFor, testLink, testRedis, untilReady } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// docs/design/contract.md §5 and §7 on a running node: which requests a rate limit counts, the reply to a request
// above the limit, and which refused requests are not counted.

let issuer: TestIssuer
let other: TestIssuer
let upstream: TestUpstream
let node: TestNode
const bootstrap = 'bootstrap-token-of-the-limits-tests-0001'
let redis: Awaited<ReturnType<typeof testRedis>>

const limit = (name: string, by: unknown, requests: number, rest: object = {}) => ({
  name,
  by,
  requests,
  window: '60s',
  ...rest,
})

beforeAll(async () => {
  redis = await testRedis()
  issuer = await startIssuer()
  other = await startIssuer()
  upstream = await startUpstream({
    handler: (_received, response) => void response.writeHead(200, { ratelimit: '"theirs";r=7' }).end('ok'),
  })
  const route = (id: string, limits: object[], rest: object = {}) => ({
    id,
    match: { path: `/${id}/**` },
    require: { scopes: { all: ['read'] } },
    limits,
    ...rest,
  })
  const routes = [
    route('subject', [limit('s', 'subject', 3)]),
    route('client', [limit('c', 'client', 3)]),
    route('session', [limit('sid', 'session', 3)]),
    route('tenant', [limit('t', { claim: 'org.id' }, 3)]),
    route('pair', [limit('p', ['subject', 'client'], 3)]),
    route('two', [limit('wide', 'subject', 100), limit('narrow', 'client', 2)]),
    route('cost', [limit('dear', 'subject', 10, { cost: 4 })]),
    route('shadow', [limit('tried', 'subject', 1, { shadow: true, mode: 'leased' })]),
    route('leased', [limit('many', 'subject', 1000)]),
    route('closed', [limit('strict', 'subject', 100)], { on_outage: { limits: 'closed' } }),
    route('address', [limit('a', 'address', 3)], { require: 'public' }),
  ]
  const service = { upstreams: [upstream.url], issuers: ['main', 'other'], credentials: 'none', routes }
  const entry = (url: string) => ({ issuer: url, audience: [testAudience] })
  node = await startNode({
    policy: { version: 1, issuers: { main: entry(issuer.url), other: entry(other.url) }, services: { service } },
    settings: { redis: { url: redis.url }, admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } } },
    env: { BOOTSTRAP: bootstrap },
  })
  const link = await testLink(redisSettingsFor(redis.port))
  await untilReady(link.store)
  await until('the node is connected to Redis', async () => (await connections(link)) >= 2)
})

async function connections(link: Awaited<ReturnType<typeof testLink>>): Promise<number> {
  return String(await link.store.call('CLIENT', 'LIST')).match(/name=gatehouse-store/g)?.length ?? 0
}

function get(path: string, claims: object | undefined, from = issuer): Promise<Response> {
  const headers = claims && { authorization: `Bearer ${from.sign({ claims: { scope: 'read', ...claims } })}` }
  return fetch(`http://127.0.0.1:${node.port}${path}`, headers && { headers })
}

async function statuses(path: string, tries: number, claims?: object, from = issuer): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < tries; i++) found.push((await get(`${path}/${i}`, claims, from)).status)
  return found
}

const full = [200, 200, 200, 429]

test.each<[path: string, one: object, another: object]>([
  ['/subject', { sub: 'ann' }, { sub: 'bea' }],
  ['/client', { client_id: 'one' }, { client_id: 'two' }],
  ['/session', { sid: 'one' }, { sid: 'two' }],
  ['/tenant', { org: { id: 'one' } }, { org: { id: 'two' } }],
  ['/pair', { sub: 'ann', client_id: 'one' }, { sub: 'ann', client_id: 'two' }],
])(
  'S-115: the rate limit of %s counts all tokens and paths of %j in one window, and those of %j in another window',
  async (path, one, another) => {
    expect(await statuses(path, 4, one)).toEqual(full)
    expect(await statuses(path, 1, another)).toEqual([200])
  },
)

test('a rate limit counts the same sub of another issuer in a separate window', async () => {
  expect(await statuses('/subject', 4, { sub: 'cleo' })).toEqual(full)
  expect(await statuses('/subject', 4, { sub: 'cleo' }, other)).toEqual(full)
})

test('S-113 S-114: X-Forwarded-For from an unlisted peer does not change the client address that a rate limit of a public route counts', async () => {
  const found: number[] = []
  for (let i = 0; i < 4; i++) {
    const headers = { 'x-forwarded-for': `203.0.113.${i}` }
    found.push((await fetch(`http://127.0.0.1:${node.port}/address/1`, { headers })).status)
  }
  expect(found).toEqual(full)
})

test('a 429 reply names the exceeded limit, the time to wait and all limits of the route', async () => {
  const startedMs = performance.now()
  await statuses('/two', 2, { sub: 'dora', client_id: 'dora-client' })
  const refused = await get('/two/1', { sub: 'dora', client_id: 'dora-client' })

  expect(refused.status).toBe(429)
  expect(Object.fromEntries(refused.headers)).toMatchObject({
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'retry-after': expect.stringMatching(/^[1-9][0-9]?$/),
    ratelimit: `"narrow";r=0;t=${refused.headers.get('retry-after')}`,
    'ratelimit-policy': '"wide";q=100;w=60, "narrow";q=2;w=60',
  })
  // `Retry-After` is the time until one window (60 s) has passed since the first of the two requests, rounded up to a
  // second.
  const waitS = Number(refused.headers.get('retry-after'))
  expect(waitS).toBeLessThanOrEqual(61)
  expect(waitS).toBeGreaterThanOrEqual(Math.floor(60 - (performance.now() - startedMs) / 1000))
  expect(await refused.json()).toEqual({
    type: 'urn:gatehouse:problem:rate_limited',
    title: 'Too Many Requests',
    status: 429,
    code: 'rate_limited',
    detail: expect.stringMatching(
      new RegExp(`^the limit narrow allows \\d+ requests? in .+; try again in ${waitS} s$`),
    ),
    'violated-policies': ['narrow'],
    instance: refused.headers.get('x-request-id'),
  })
  const record = await node.waitForRecord(({ id }) => id === refused.headers.get('x-request-id'))
  expect(record).toMatchObject({ reason: 'rate-limited', limit: 'route/two/narrow' })
})

test('an admitted reply has the remaining quota of the rate limit of the gate and keeps the RateLimit field of the service', async () => {
  const reply = await get('/cost/1', { sub: 'ella' })

  expect(reply.headers.get('ratelimit')).toBe('"theirs";r=7, "dear";r=6')
  expect(reply.headers.get('ratelimit-policy')).toBe('"dear";q=10;w=60')
  expect(await statuses('/cost', 2, { sub: 'ella' })).toEqual([200, 429])
})

test('an exceeded shadow limit refuses no request and adds no reply field; the access log names the limit', async () => {
  // No exchange waits for a shadow limit, so an access log line can be written before Redis has replied.
  const named = () => node.accessLog().find(({ shadow_limit: limited }) => limited !== undefined)
  for (let i = 0; i < 100 && named() === undefined; i++) {
    const reply = await get('/shadow/1', { sub: 'fay' })
    expect([reply.status, reply.headers.get('ratelimit-policy')]).toEqual([200, null])
    await sleep(30)
  }
  expect(named()).toMatchObject({ decision: 'admitted', shadow_limit: 'route/shadow/tried' })
})

test('the rate limit of a route does not count a request that is refused for a missing scope', async () => {
  const token = issuer.sign({ claims: { scope: 'none', sub: 'gwen' } })
  for (let i = 0; i < 5; i++) {
    const headers = { authorization: `Bearer ${token}` }
    expect((await fetch(`http://127.0.0.1:${node.port}/subject/1`, { headers })).status).toBe(403)
  }
  expect(await statuses('/subject', 4, { sub: 'gwen' })).toEqual(full)
})

test('`limits list` shows an exhausted rate limit, and after `limits reset` the gate admits its subject again', async () => {
  const verb = (...words: string[]) =>
    runVerb(['limits', ...words, '--output', 'json'], {
      GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`,
      GATEHOUSE_ADMIN_TOKEN: bootstrap,
    })
  expect(await statuses('/subject', 4, { sub: 'olga' })).toEqual(full)

  const listed = await verb('list', 'route/subject/s')
  expect(JSON.parse(listed.stdout).windows).toContainEqual({
    limit: 'route/subject/s',
    bucket: { issuer: issuer.url, subject: 'olga' },
    requests: 3,
    window_ms: 60_000,
    mode: 'exact',
    used: 3,
    held: 0,
  })
  const reset = await verb('reset', 'route/subject/s', '--subject', 'olga', '--issuer', issuer.url)
  expect(reset).toMatchObject({ exitCode: 0, stderr: '' })
  expect(JSON.parse(reset.stdout)).toEqual({ limit: 'route/subject/s', existed: true })
  expect(await statuses('/subject', 4, { sub: 'olga' })).toEqual(full)
})

test('`limits list --cluster` shows a rate limit window with the nodes that used it', async () => {
  await statuses('/subject', 2, { sub: 'petra' })
  const env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
  const list = async (...words: string[]) =>
    (await runVerb(['limits', 'list', 'route/subject/s', '--cluster', ...words], env)).stdout
  const windowOfPetra = async () => {
    const { windows, nodes } = JSON.parse(await list('--output', 'json'))
    expect(nodes).toMatchObject([{ at: expect.stringMatching(/Z$/), total: expect.any(Number) }])
    const window = windows.find(({ bucket }: { bucket: { subject: string } }) => bucket.subject === 'petra')
    return window && { ...window, isOfNode: window.nodes[0] === nodes[0].node }
  }
  await until('the summary has the window', async () => (await windowOfPetra()) !== undefined)
  expect(await windowOfPetra()).toMatchObject({ requests: 3, used: 2, nodes: [expect.any(String)], isOfNode: true })
  expect(await list()).toMatch(/^LIMIT .*WINDOW OF .*HELD .*NODES *\n(.*\n)*.*petra/)
})

test.each([
  [['list', 'route/none/x'], 'GH_ADMIN_LIMIT_UNKNOWN'],
  [['reset', 'route/subject/s', '--subject', 'olga'], 'GH_ADMIN_BUCKET_INCOMPLETE'],
  [['reset', 'route/address/a', '--address', '10.0.0.1', '--client', 'x'], 'GH_ADMIN_BUCKET_SURPLUS'],
  [['reset', 'route/address/a', '--address', '10.0.0.256'], 'GH_ADMIN_INVALID_REQUEST'],
])('`gatehouse limits` with the arguments %j exits with 1 and the code %s', async (words, code) => {
  const { exitCode, stdout, stderr } = await runVerb(['limits', ...words, '--output', 'json'], {
    GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`,
    GATEHOUSE_ADMIN_TOKEN: bootstrap,
  })

  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
  expect(JSON.parse(stderr)).toMatchObject({ code })
})

test('the Redis keys of rate limits contain hashed identities and a valid hash tag, even if sub contains braces', async () => {
  await statuses('/subject', 1, { sub: 'hana}:{x' })
  await statuses('/leased', 3, { sub: 'hana}:{x' })
  const link = await testLink(redisSettingsFor(redis.port))
  const keys = (await link.store.call('KEYS', 'gh:{l*')) as string[]

  expect(keys.length).toBeGreaterThan(5)
  expect(
    keys.filter(
      (key) => key.startsWith('gh:{l') && !/^gh:\{l[0-9a-f]{2}\}:(exact|leased):[\w./:-]+:[0-9a-f]{32}$/.test(key),
    ),
  ).toEqual([])
})

test('a policy change does not reset the counts of rate limits', async () => {
  expect(await statuses('/subject', 3, { sub: 'iris' })).toEqual([200, 200, 200])
  const text = node.folder.file('policy.yaml')
  const { readFileSync } = await import('node:fs')
  const revision = node.writePolicy(`${readFileSync(text, 'utf8')}\n# changed\n`)
  await node.waitForLine(({ msg, revision: now }) => msg === 'policy changed' && now === revision)

  expect(await statuses('/subject', 1, { sub: 'iris' })).toEqual([429])
})

test('without Redis, a route with on_outage closed replies 503 with Retry-After; other routes count limits on the node', async () => {
  expect(await statuses('/closed', 1, { sub: 'jo' })).toEqual([200])
  await redis.stop()
  const closed = await get('/closed/1', { sub: 'jo' })

  expect([closed.status, closed.headers.get('retry-after')]).toEqual([503, expect.any(String)])
  expect(await statuses('/client', 4, { client_id: 'away' })).toEqual(full)
})
