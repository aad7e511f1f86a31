import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNodeProcess } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { testPolicy } from '../kit/policy.ts'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { type OpenedSocket, openSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'
import type { Wire } from '../kit/wire.ts'

// Operators list the streams of a node, and end streams on every node with the admin API of any node.

const bootstrap = `bootstrap-${randomBytes(24).toString('base64url')}`
const tryAgain = [1013, 'try again later'] as const

let issuer: TestIssuer
let sockets: WebSocketService
let nodes: NodeProcess[]
let link: RedisLink
let upstream: TestUpstream
/** The service replies to complete uploads once this is resolved. */
const slowReply = Promise.withResolvers<void>()

beforeAll(async () => {
  const redis = await testRedis()
  link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  issuer = await startIssuer()
  sockets = await WebSocketService.start({ echo: true })
  upstream = await startUpstream({
    handler: async ({ url, over }, response) => {
      if (url.includes('/upload')) {
        await over
        await slowReply.promise
        response.end('done')
        return
      }
      if (url.includes('/download')) {
        response.writeHead(200, { 'content-type': 'application/octet-stream' })
        response.write('data: begun\n\n')
        return
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: begun\n\n')
    },
  })
  const require = { scopes: { all: ['live'] } }
  const policy = testPolicy({
    issuer: issuer.url,
    orders: sockets.url,
    main: { clock_tolerance: '0s' },
    ordersEntry: { routes: [{ id: 'live', match: { path: '/live/**' }, require, websocket: {} }] },
  }) as { services: object }
  const route = { id: 'feed', match: { path: '/feed/**' }, require }
  const all = { ...policy, services: { ...policy.services, feeds: { upstreams: [upstream.url], routes: [route] } } }
  nodes = await Promise.all(
    ['n1', 'n2'].map((id) =>
      startNodeProcess({
        policy: all,
        settings: {
          node: { id },
          redis: { url: `redis://127.0.0.1:${redis.port}/0` },
          log: { access: true, format: 'json' },
          admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
        },
        env: { BOOTSTRAP: bootstrap },
      }),
    ),
  )
})

const streams = (node: NodeProcess, ...words: string[]) =>
  runVerb(
    ['streams', ...words],
    { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap },
    '',
  )

interface Listed {
  readonly node: string
  readonly selected: number
  readonly streams: readonly Readonly<Record<string, unknown>>[]
}

async function listed(node: NodeProcess, ...words: string[]): Promise<Listed> {
  const { stdout } = await streams(node, 'list', ...words, '--output', 'json')
  return JSON.parse(stdout)
}

interface ClusterListed {
  readonly nodes: readonly Readonly<Record<string, unknown>>[]
  readonly streams: readonly Readonly<Record<string, unknown>>[]
}

let names = 0

interface Opened {
  readonly socket: OpenedSocket
  readonly wire: Wire
}

/** Opens a WebSocket and an event stream, each with its registration at the node. */
async function open(node: NodeProcess, sub: string, claims: object = {}): Promise<Opened> {
  const token = issuer.sign({ claims: { sub, scope: 'live', ...claims } })
  const socket = await openSocket(node.port, `/live/${++names}`, { token })
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: `/feed/${++names}`, token }))
  await wire.until('data: begun\n\n')
  return { socket, wire }
}

async function isOpen({ socket, wire }: Opened): Promise<void> {
  const before = socket.messages.length
  socket.ws.send('echo')
  expect((await socket.received(before + 1)).at(-1)).toBe('echo')
  expect(await wire.quiet(0)).toBe(true)
  expect(wire.ending).toBe('open')
}

async function isEnded({ socket, wire }: Opened): Promise<void> {
  expect(await socket.ended()).toEqual(tryAgain)
  expect((await wire.until('0\r\n\r\n')).toString('latin1')).toBe('\r\n0\r\n\r\n')
}

test('`gatehouse streams list` names the node, and shows its streams with kind, route, subject, address, messages and bytes', async () => {
  const [node, other] = nodes as [NodeProcess, NodeProcess]
  const opened = await open(node, 'listed')
  await open(other, 'listed')
  await isOpen(opened)

  const list = await listed(node, '--subject', 'listed', '--issuer', 'main')
  expect(list).toMatchObject({ node: 'n1', selected: 2 })
  const common = { issuer: issuer.url, subject: 'listed', address: '127.0.0.1', session: null, held: false }
  const of = (kind: string) => list.streams.find((stream) => stream['kind'] === kind)
  expect(of('websocket')).toMatchObject({ ...common, route: 'live', bytes_in: 4, bytes_out: 4 })
  expect(of('websocket')).toMatchObject({ messages_in: 1, messages_out: 1 })
  expect(of('events')).toMatchObject({ ...common, route: 'feed', bytes_in: 0, bytes_out: 13 })
  expect(of('events')).toMatchObject({ messages_in: null, messages_out: null })
  expect(await listed(node, '--subject', 'listed', '--route', 'feed')).toMatchObject({ selected: 1 })
  expect(await listed(node, '--subject', 'absent')).toMatchObject({ selected: 0, streams: [] })

  const { stdout } = await streams(node, 'list', '--subject', 'listed')
  expect(stdout).toMatch(/^ID .*KIND .*ROUTE .*SUBJECT .*CLIENT .*AGE/)
  expect(stdout).toContain('Node n1 has ')
})

test('`gatehouse streams list --cluster` at one node shows the streams of both nodes, each with its node', async () => {
  const [node, other] = nodes as [NodeProcess, NodeProcess]
  const opened = [await open(node, 'everywhere'), await open(other, 'everywhere')]
  const shown = async () => {
    const { stdout } = await streams(node, 'list', '--cluster', '--subject', 'everywhere', '--output', 'json')
    return JSON.parse(stdout) as ClusterListed
  }
  await until('the summaries have the streams', async () => (await shown()).streams.length === 4)

  const list = await shown()
  expect(list.nodes.map((each) => each['node'])).toEqual(['n1', 'n2'])
  for (const each of list.nodes)
    expect(each).toMatchObject({ at: expect.stringMatching(/Z$/), total: expect.any(Number) })
  expect(list.streams.map((each) => `${each['node']} ${each['kind']} ${each['subject']}`).sort()).toEqual([
    'n1 events everywhere',
    'n1 websocket everywhere',
    'n2 events everywhere',
    'n2 websocket everywhere',
  ])
  const { stdout } = await streams(node, 'list', '--cluster', '--route', 'feed')
  expect(stdout).toMatch(/^NODE .*ID .*KIND/)
  expect(stdout).toMatch(/Node n2 had \d+ streams \d+s ago; \d+ of them were searched\./)
  for (const each of opened) await isOpen(each)
})

test('the list of streams with scope=cluster has the same streams and summaries as the list of the cluster, with their sums', async () => {
  const [node, other] = nodes as [NodeProcess, NodeProcess]
  const opened = await open(other, 'scoped')
  const list = async (path: string) => {
    const url = `http://127.0.0.1:${node.adminPort}/api/v1/${path}`
    return (await fetch(url, { headers: { authorization: `Bearer ${bootstrap}` } })).json() as Promise<ClusterListed>
  }
  const shown = () => list('streams?scope=cluster&subject=scoped')
  await until('the summaries have the streams', async () => (await shown()).streams.length === 2)
  const found = await shown()
  expect(found).toMatchObject({ node: 'n1', selected: 2, total: expect.any(Number) })
  expect(found.nodes.map((each) => each['node'])).toEqual(['n1', 'n2'])
  expect(found.streams.map((each) => each['node'])).toEqual(['n2', 'n2'])
  const ids = ({ streams }: ClusterListed) => streams.map(({ id }) => id)
  expect(ids(await list('cluster/streams?subject=scoped'))).toEqual(ids(found))
  expect(await list('streams?scope=node&subject=scoped')).toMatchObject({ node: 'n1', selected: 0, streams: [] })
  await isOpen(opened)
})

test('`gatehouse streams end --subject` at one node ends the WebSocket and the event stream of the subject at the other node, and revokes nothing', async () => {
  const [node, other] = nodes as [NodeProcess, NodeProcess]
  const mine = [await open(node, 'ended'), await open(other, 'ended')]
  const others = [await open(node, 'spared'), await open(other, 'spared')]

  const done = await streams(node, 'end', '--subject', 'ended', '--issuer', 'main', '--reason', 'test', '--wait=all')
  expect(done.exitCode).toBe(0)
  expect(done.stdout).toContain('On every node, the selected streams have ended.')
  expect(done.stdout).toContain('Nothing was revoked')

  for (const each of nodes) expect(await listed(each, '--subject', 'ended')).toMatchObject({ selected: 0 })
  for (const each of mine) await isEnded(each)
  for (const each of others) await isOpen(each)
  const record = await other.waitForRecord(({ subject, reason }) => subject === 'ended' && reason === 'stream-ended')
  expect(record).toMatchObject({ decision: 'broken', stream_end: 'stream-ended-by-operator' })
  await isOpen(await open(other, 'ended'))

  const calls = await auditRecords(link, (each) => each['gatehouse.operation'] === 'end_streams')
  const [call] = calls.filter((each) => each['gatehouse.operation'] === 'end_streams')
  expect(call).toMatchObject({ 'http.response.status_code': 200, 'gatehouse.decision': 'admitted' })
  expect(JSON.parse(String(call!['gatehouse.detail']))).toMatchObject({
    streams: { subject: 'ended', issuer: issuer.url },
    reason: 'test',
    acknowledged: 2,
    missing: [],
  })
})

test('`gatehouse streams end` ends one stream by its id, the streams of a session by its sid, and the streams of a route', async () => {
  const [node, other] = nodes as [NodeProcess, NodeProcess]
  const one = await open(other, 'one')
  const bySid = await open(other, 'by-sid', { sid: 'session-1' })
  const all = await listed(other, '--subject', 'one', '--route', 'live')
  const id = String(all.streams[0]!['id'])

  expect((await streams(node, 'end', '--id', id, '--wait=all')).exitCode).toBe(0)
  expect(await one.socket.ended()).toEqual(tryAgain)
  expect(one.wire.ending).toBe('open')

  expect((await streams(node, 'end', '--session', 'session-1', '--wait=all')).exitCode).toBe(0)
  await isEnded(bySid)

  expect((await streams(node, 'end', '--route', 'feed', '--wait=all')).exitCode).toBe(0)
  expect((await one.wire.until('0\r\n\r\n')).toString('latin1')).toBe('\r\n0\r\n\r\n')
  expect(await listed(other, '--route', 'feed')).toMatchObject({ selected: 0 })
})

test('`gatehouse streams end` breaks a download off, replies 503 to an incomplete upload, and lets a complete upload get its reply', async () => {
  const [node, other] = nodes as [NodeProcess, NodeProcess]
  const run = ++names
  const token = issuer.sign({ claims: { sub: 'transfers', scope: 'live' } })
  const [download, upload, complete] = await Promise.all([
    connect(other.port),
    connect(other.port),
    connect(other.port),
  ])
  await download.send(requestBytes({ target: '/feed/download', token }))
  await download.until('data: begun\n\n')
  const post = (name: string, length: string) =>
    requestBytes({ method: 'POST', target: `/feed/upload/${name}?${run}`, token, fields: [['Content-Length', length]] })
  await upload.send([post('partial', '1000000'), 'first'])
  await complete.send([post('complete', '5'), 'whole'])
  const received = () => upstream.requests.filter(({ url, bodyBytes }) => url.endsWith(`?${run}`) && bodyBytes === 5)
  await until('the service has both uploads', () => received().length === 2)
  await until('the transfers are listed', async () => (await listed(other, '--subject', 'transfers')).selected === 2)
  const kinds = (await listed(other, '--subject', 'transfers')).streams.map(({ kind }) => kind)
  expect(kinds.sort()).toEqual(['download', 'upload'])

  expect((await streams(node, 'end', '--subject', 'transfers', '--issuer', 'main', '--wait=all')).exitCode).toBe(0)

  expect((await download.rest()).toString('latin1')).toBe('')
  expect(download.ending).not.toBe('open')
  expect((await upload.until('\r\n\r\n')).toString('latin1')).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 1/i)
  slowReply.resolve()
  expect((await complete.until('done')).toString('latin1')).toMatch(/^HTTP\/1\.1 200 /)
})

test('`/metrics` counts the open streams of a node by kind', async () => {
  const [node] = nodes as [NodeProcess]
  const streamsOf = async (): Promise<Record<string, number>> => {
    const metrics = await readMetrics(node.adminPort)
    return Object.fromEntries(
      ['websocket', 'events', 'download', 'upload'].map((kind) => [kind, metrics.sum('gatehouse_streams', { kind })]),
    )
  }
  const before = await streamsOf()
  const { socket, wire } = await open(node, 'counted')
  const upload = await connect(node.port)
  const token = issuer.sign({ claims: { scope: 'live', sub: 'counted' } })
  await upload.send(requestBytes({ target: '/feed/upload', token, method: 'POST', fields: [['Content-Length', '9']] }))
  await upload.send('part')
  const after = { ...before }
  for (const kind of ['websocket', 'events', 'upload']) after[kind] = before[kind]! + 1
  await expect.poll(streamsOf, { timeout: 30_000 }).toEqual(after)

  socket.ws.close()
  wire.close()
  upload.close()
  await expect.poll(streamsOf, { timeout: 30_000 }).toEqual(before)
})

test('a node that was suspended while streams were ended is listed as missing in the receipt, and ends its streams when it resumes', async () => {
  const [node, other] = nodes as [NodeProcess, NodeProcess]
  const opened = await open(other, 'stopped')
  other.signal('SIGSTOP')
  let done: Awaited<ReturnType<typeof streams>>
  try {
    done = await streams(node, 'end', '--subject', 'stopped', '--issuer', 'main')
  } finally {
    other.signal('SIGCONT')
  }
  expect(done.exitCode).toBe(4)
  expect(done.stdout).toContain('n2')
  await isEnded(opened)
  await until('the node has no such stream', async () => (await listed(other, '--subject', 'stopped')).selected === 0)
})

test.each([
  ['no selector', []],
  ['two selectors', ['--subject', 'a', '--route', 'b']],
])('`gatehouse streams end` with %s is a usage error', async (_, words) => {
  const { exitCode, stderr } = await streams(nodes[0]!, 'end', ...words)
  expect(exitCode).toBe(2)
  expect(stderr).toContain('exactly one of --subject, --session, --route and --id')
})

test('a receipt lists a node of an older version that cannot end streams as unable to do so, although the node acknowledges the order', async () => {
  const { members, memberFacts, positions } = link.keys
  // The lease and the facts of an older node. It acknowledges every event, also those that it does not know.
  await link.store.call('ZADD', members, Date.now() + 600_000, 'old~1')
  await link.store.call('HSET', memberFacts, 'old~1', JSON.stringify({ id: 'old', version: '0.0.9', bound_ms: 1000 }))
  await link.store.call('HSET', positions, 'old~1', `${Date.now() + 600_000}-0`)

  const { exitCode, stdout } = await streams(nodes[0]!, 'end', '--route', 'live', '--wait=all')
  expect(exitCode).toBe(4)
  expect(stdout).toMatch(/older version, whose streams continue: old\./)
  expect(stdout).toMatch(/On every other node, the selected streams have ended/)
  expect(stdout).not.toMatch(/old +acknowledged/)
  await link.store.call('ZREM', members, 'old~1')
})
