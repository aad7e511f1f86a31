import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { beforeAll, expect, test } from 'vitest'
import { AuditWriter } from '../kit/audit-writer.ts'
import type { VerbRun } from '../kit/host-order.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'

// Audit records in Redis can be searched by their fields, and followed as server-sent events.

const token = randomBytes(32).toString('base64url')
const [issuer, { port }] = await Promise.all([startIssuer(), testRedis()])
const writer = new AuditWriter(port)
let node: TestNode

const hostile = 'eve\u001b[31m\u202e\n"=cmd()'

beforeAll(async () => {
  await writer.write(300, (number) => ({
    time: new Date(Date.UTC(2020, 0, 1) + number * 1000).toISOString(),
    ...(number % 100 === 0 && {
      'user.id': hostile,
      'gatehouse.decision': 'refused',
      'gatehouse.reason': 'scope-missing',
    }),
  }))
  await writer.write(300, () => ({ 'gatehouse.route': 'reports.read' }))
  node = await startNode({
    policy: testPolicy({ issuer: 'http://127.0.0.1:9', orders: 'http://127.0.0.1:9' }),
    settings: {
      redis: { url: `redis://127.0.0.1:${port}` },
      admin: {
        listen: '127.0.0.1:0',
        bootstrap_token: { env: 'BOOTSTRAP' },
        issuer: { issuer: issuer.url, audience: [testAudience], clock_tolerance: '0s' },
      },
    },
    env: { BOOTSTRAP: token },
  })
})

const audit = (...words: string[]): Promise<VerbRun> =>
  runVerb(['audit', ...words], {
    GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`,
    GATEHOUSE_ADMIN_TOKEN: token,
  })

async function get(path: string): Promise<{ status: number; document: Record<string, unknown> }> {
  const reply = await fetch(`http://127.0.0.1:${node.adminPort}/api/v1/audit/${path}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return { status: reply.status, document: (await reply.json()) as Record<string, unknown> }
}

const numbersOf = (records: unknown): number[] =>
  (records as { id: string }[])
    .filter(({ id }) => writer.ids.includes(id))
    .map(({ id }) => Number(id.split('-').at(-1)))

test.each([
  { query: `subject=${encodeURIComponent(hostile)}`, found: [300, 200, 100] },
  { query: 'decision=refused&reason=scope-missing&limit=2', found: [300, 200] },
  { query: 'route=reports.read&limit=3', found: [600, 599, 598] },
  { query: 'request=r42', found: [42] },
  { query: 'since=2020-01-01T00:04:58Z&until=2020-01-01T00:05:00Z', found: [300, 299, 298] },
  { query: 'subject=nobody', found: [] },
])(
  'an audit search with the query $query finds the records with the numbers $found, newest first',
  async ({ query, found }) => {
    const { status, document } = await get(`records?${query}`)

    expect([status, numbersOf(document['records'])]).toEqual([200, found])
  },
)

test('the pages of an audit search together return each record exactly once', async () => {
  const numbers: number[] = []
  let before = ''
  do {
    const { document } = await get(`records?kind=exchange&limit=70${before}`)
    numbers.push(...numbersOf(document['records']))
    before = document['next'] === null ? '' : `&before=${document['next']}`
  } while (before !== '')

  expect(numbers).toEqual(Array.from({ length: 600 }, (_, i) => 600 - i))
})

test.each([
  ...['limit=0', 'limit=1001', 'before=x', 'since=yesterday', 'colour=red', 'limit=1&limit=2'],
  ...['decision=refussed', 'kind=revocations'],
])('the admin API rejects an audit search with the query %s', async (query) => {
  expect((await get(`records?${query}`)).status).toBe(400)
})

test('S-142: `audit search` escapes control characters of a record in its terminal output', async () => {
  const { stdout } = await audit(
    'search',
    '--kind',
    'exchange',
    '--decision',
    'refused',
    '--since',
    '2020-01-01T00:00:00Z',
    '--limit',
    '1',
  )
  expect(stdout).toMatch(/^[\x20-\x7e]+\n$/)
  expect(stdout).toContain('subject=eve\\x1b[31m\\u202e\\x0a"=cmd()')

  const json = await audit('search', '--subject', hostile, '--limit', '1', '--output', 'json')
  expect(JSON.parse(json.stdout).records[0]['user.id']).toBe(hostile)
  expect(json.stdout.trimEnd()).not.toContain('\n')
})

test.each([
  [['tail', '--decision', 'refussed'], 'admitted, refused, failed'],
  [['search', '--kind', 'revocations'], 'exchange, refusals, revocation, admin'],
  [['search', '--since', '1h', '--until', '2h'], '--since must be before --until'],
])('the CLI rejects the arguments %j of `gatehouse audit` as wrong usage', async (words, said) => {
  const { exitCode, stdout, stderr } = await audit(...words)

  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
  expect(stderr).toContain(said)
})

interface Follower {
  readonly events: { id: string; record: Record<string, unknown> }[]
  readonly ended: () => boolean
  stop(): void
}

function follow(query: string, from?: string, bearer = token): Promise<Follower> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${bearer}`, ...(from && { 'last-event-id': from }) }
    const call = request({ port: node.adminPort, path: `/api/v1/audit/stream${query}`, headers, agent: false })
    call.on('error', reject)
    call.on('response', (response) => {
      const events: Follower['events'] = []
      let [pending, ended] = ['', response.statusCode !== 200]
      response.setEncoding('utf8').on('data', (text: string) => {
        pending += text
        for (let at = pending.indexOf('\n\n'); at >= 0; at = pending.indexOf('\n\n')) {
          const [, id, data] = /^id: (.*)\ndata: (.*)$/.exec(pending.slice(0, at)) ?? []
          if (id !== undefined) events.push({ id, record: JSON.parse(data!) })
          pending = pending.slice(at + 2)
        }
      })
      response.on('close', () => {
        ended = true
      })
      response.on('error', () => {})
      resolve({ events, ended: () => ended, stop: () => call.destroy() })
    })
    call.end()
  })
}

test('a client that follows the audit log receives new records that match its filter, and after a reconnection continues at its last position', async () => {
  const first = await follow('?route=followed')
  await writer.write(3, (number) => ({ 'gatehouse.route': number % 2 === 0 ? 'followed' : 'other' }))
  await writer.write(2, () => ({ 'gatehouse.route': 'followed' }))
  await until('the client has the newest record', () => first.events.at(-1)?.record['id'] === writer.ids.at(-1))
  const seen = first.events.map(({ record }) => record['id'])
  expect(new Set(seen).size).toBe(seen.length)
  expect(first.events.every(({ record }) => record['gatehouse.route'] === 'followed')).toBe(true)
  first.stop()

  await writer.write(2, () => ({ 'gatehouse.route': 'followed' }))
  const second = await follow('?route=followed', first.events.at(-1)!.id)
  await until('the client has the records that it missed', () => second.events.length === 2)
  expect(second.events.map(({ record }) => record['id'])).toEqual(writer.ids.slice(-2))
  second.stop()
})

test('a client that follows the audit log receives no more records after its token expires', async () => {
  const toldWhileGood = async (lifeS: number): Promise<Follower> => {
    const exp = Math.floor(Date.now() / 1000) + lifeS
    const follower = await follow('', undefined, issuer.sign({ claims: { scope: 'gatehouse:audit', exp } }))
    await writer.write(1)
    await until('the client has a record, or is disconnected', () => follower.events.length > 0 || follower.ended())
    // On a busy machine the token may expire before the first record arrives. Then the test tries again with twice
    // the lifetime.
    return follower.events.length > 0 ? follower : toldWhileGood(2 * lifeS)
  }
  const follower = await toldWhileGood(3)
  await until('the client is disconnected', follower.ended, 60_000)
  await writer.write(1)
  expect(follower.events.map(({ record }) => record['id'])).not.toContain(writer.ids.at(-1))
})

test('a node lets eight clients follow the audit log, and rejects the ninth until another client disconnects', async () => {
  const followers = await Promise.all(Array.from({ length: 8 }, () => follow('')))
  expect(followers.map((each) => each.ended())).toEqual(Array(8).fill(false))
  expect(await get('stream')).toMatchObject({ status: 503, document: { code: 'followers_full' } })

  for (const each of followers) each.stop()
  await until('the node accepts another client', async () => {
    const next = await follow('')
    next.stop()
    return !next.ended()
  })
})

test('`audit tail` prints the newest records, in chronological order', async () => {
  const { stdout, exitCode } = await audit('tail', '--route', 'reports.read', '-n', '2', '--output', 'json')
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).id)

  expect([exitCode, lines]).toEqual([0, [writer.ids[598], writer.ids[599]]])
})

test('a node disconnects a client that follows the audit log without reading, and other followers continue to receive records', async () => {
  const from = (await get('records?limit=1')).document['end'] as string
  const socket = connect(node.adminPort, '127.0.0.1')
  await once(socket, 'connect')
  socket.pause()
  let cut = false
  socket
    .on('error', () => {})
    .once('close', () => {
      cut = true
    })
  const fields = [`Authorization: Bearer ${token}`, `Last-Event-ID: ${from}`]
  socket.write(`GET /api/v1/audit/stream HTTP/1.1\r\nHost: localhost\r\n${fields.join('\r\n')}\r\n\r\n`)
  const reader = await follow('?route=large', from)
  for (let i = 0; i < 20; i++)
    await writer.write(100, () => ({ 'gatehouse.route': 'large', 'url.path': `/${'x'.repeat(8000)}` }))
  await until('the reading client has all records', () => reader.events.length === 2000, 90_000)
  // The paused socket does not read, so it detects only by a write that the node has closed the connection.
  await until('the node has closed the connection of the client that does not read', () => {
    socket.write('\r\n')
    return cut
  })
  expect(reader.ended()).toBe(false)
  reader.stop()
})

test('`audit search` and `audit tail` order audit records by their time, even if the records were written in another order', async () => {
  const at = (second: number) => () => ({ 'gatehouse.route': 'order', time: `2021-01-01T00:00:0${second}.000Z` })
  for (const second of [3, 1, 2]) await writer.write(1, at(second))
  const seconds = (stdout: string) => Array.from(stdout.matchAll(/00:00:0(\d)/g), ([, second]) => Number(second))

  expect(seconds((await audit('search', '--route', 'order')).stdout)).toEqual([3, 2, 1])
  expect(seconds((await audit('tail', '--route', 'order')).stdout)).toEqual([1, 2, 3])
})
