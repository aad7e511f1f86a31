import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import type { LogRecord } from '../kit/log-lines.ts'
import { startNode, type TestNode } from '../kit/node.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, identity, missingScope, notFound, refused } from './admission.ts'
import { KeepAliveLoad } from './keep-alive-load.ts'

// ARCHITECTURE §3, rule 5: a changed policy is compiled whole and swapped in by one reference; an exchange keeps the
// snapshot that it matched in; a policy that does not compile changes nothing and says why.

const [issuer, first, second] = await Promise.all([startIssuer(), startUpstream(), startUpstream()])

interface PolicyWishes {
  readonly upstreams?: readonly string[]
  readonly scope?: string
  readonly main?: object
  readonly service?: object
  readonly routes?: readonly object[]
}

function policy({ upstreams = [first.url], scope = 'orders:read', main, service, routes = [] }: PolicyWishes = {}) {
  return {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience], ...main } },
    services: {
      orders: {
        upstreams,
        ...service,
        routes: [{ id: 'orders', match: { path: '/orders/**' }, require: { scopes: { all: [scope] } } }, ...routes],
      },
    },
  }
}

/** Replaces the policy and waits until it is in force. */
async function swap(node: TestNode, next: object | string): Promise<LogRecord> {
  const revision = node.writePolicy(next)
  node.signal('SIGHUP')
  return node.waitForLine((line) => line['msg'] === 'policy changed' && line['revision'] === revision)
}

const target = '/orders/1'
const publicRoute = (id: string) => ({ id, match: { path: `/${id}` }, require: 'public' })

test('fifty swaps under load: no request fails, none is lost or sent twice', async () => {
  const node = await startNode({ policy: policy() })
  const known = Array.from({ length: 20 }, () => issuer.sign())
  const body = 'b'.repeat(3000)
  const fetched = issuer.fetches.keys
  const before = first.requests.length + second.requests.length

  const load = new KeepAliveLoad({
    port: node.port,
    connections: 20,
    pauseMs: 10,
    request: (number) => {
      // Every third token is new: its exchange waits for a verification, in which the policy may change.
      const token = number % 3 === 0 ? issuer.sign() : known[number % known.length]!
      const post = number % 4 === 0
      return requestBytes({ target: `/orders/${number}`, token, ...(post ? { method: 'POST', body } : {}) })
    },
    judge: (reply, number) => {
      if (reply.status !== 200) return `${reply.status} ${reply.text}`
      const { url, body: seen } = reply.json() as { url: string; body: { bytes: number } }
      const expected = number % 4 === 0 ? body.length : 0
      return url === `/orders/${number}` && seen.bytes === expected ? undefined : `the reply of another: ${reply.text}`
    },
  })
  for (let i = 1; i <= 50; i++) {
    await swap(
      node,
      policy({
        // Pools come and go, by other upstreams and by other times.
        upstreams: [[first.url], [first.url, second.url], [second.url]][i % 3]!,
        service: {
          timeouts: { connect: i % 2 === 0 ? '2s' : '3s' },
          roles: { r: { claim: 'groups', any: [`g${i}`] } },
        },
        main: i % 5 === 0 ? { clock_tolerance: `${i}s` } : {},
        routes: [publicRoute(`only-${i}`)],
      }),
    )
    expect((await request(node.port, requestBytes({ target: `/only-${i}` }))).status).toBe(200)
    expect((await request(node.port, requestBytes({ target: `/only-${i - 1}` }))).status).toBe(404)
  }
  const { good, failures, retried, closed } = await load.stop()

  expect(failures).toEqual([])
  expect({ retried, closed }).toEqual({ retried: 0, closed: 0 })
  expect(good).toBeGreaterThan(500)
  const seen = [...first.requests, ...second.requests].slice(before).filter(({ url }) => url.startsWith('/orders/'))
  expect(first.requests.length + second.requests.length - before).toBe(good + 50)
  expect(seen.every(({ aborted }) => !aborted)).toBe(true)
  expect([...first.malformed, ...second.malformed]).toEqual([])
  // Keys are the issuer's, not the policy's: no swap asked for them again.
  expect(issuer.fetches.keys - fetched).toBe(1)
})

test('what a swap changes holds from the next exchange on', async () => {
  const node = await startNode({ policy: policy({ routes: [publicRoute('page')] }) })
  const gate: Gate = { node, services: [first, second] }
  const token = issuer.sign({ claims: { groups: ['staff'] } })
  const { received } = await admitted(gate, { target, token })
  expect(await identity(gate, received)).toMatchObject({ roles: [] })
  await admitted(gate, { target: '/page' })

  await swap(node, policy())
  await refused(gate, { target: '/page' }, notFound)

  await swap(node, policy({ scope: 'orders:all' }))
  await refused(gate, { target, token }, missingScope('orders:all'))

  await swap(node, policy({ service: { roles: { employee: { claim: 'groups', any: ['staff'] } } } }))
  const later = await admitted(gate, { target, token })
  expect(await identity(gate, later.received)).toMatchObject({ roles: ['employee'] })

  await swap(node, policy({ upstreams: [second.url] }))
  const count = second.requests.length
  await admitted(gate, { target, token })
  expect(second.requests).toHaveLength(count + 1)
})

test('a token that is known is judged by the new rules of its issuer', async () => {
  const node = await startNode({ policy: policy() })
  const gate: Gate = { node, services: [first, second] }
  const token = issuer.sign()
  await admitted(gate, { target, token })

  for (const [main, reason] of [
    [{ audience: ['https://other.test'] }, 'token-audience'],
    [{ max_token_lifetime: '60s' }, 'token-lifetime'],
    [{ algorithms: ['RS256'] }, 'token-algorithm'],
    [{ issuer: `${issuer.url}/other` }, 'token-issuer-unknown'],
  ] as const) {
    await swap(node, policy({ main }))
    await refused(gate, { target, token }, badToken(reason))
    await swap(node, policy())
    await admitted(gate, { target, token })
  }
})

test('an exchange that waits for its token goes to the upstream that it matched, whatever the policy says by then', async () => {
  const slow = await startIssuer()
  slow.answer('keys', { delayMs: 3000 })
  const main = { issuer: slow.url }
  const node = await startNode({ policy: policy({ main }) })
  const path = `/orders/${randomUUID()}`
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: path, token: slow.sign() }))

  await swap(node, policy({ main, upstreams: [second.url] }))
  // Still waiting: else the test shows nothing.
  expect(slow.fetches.keys).toBe(1)
  expect(await wire.quiet(1)).toBe(true)
  const reply = await readReply(wire)

  expect(reply!.status, reply!.text).toBe(200)
  expect(first.requests.filter(({ url }) => url === path)).toHaveLength(1)
})

test('a reply under way comes to its end after its service is gone from the policy', async () => {
  const { promise: swapped, resolve: goOn } = Promise.withResolvers<void>()
  const streaming = await rawUpstream(async (wire) => {
    await wire.until('\r\n\r\n')
    await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst')
    await swapped
    await wire.send(' last')
    await wire.rest()
  })
  const node = await startNode({ policy: policy({ upstreams: [streaming.url] }) })
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target, token: issuer.sign() }))
  await wire.until('first')

  await swap(node, policy({ upstreams: [second.url], scope: 'orders:all' }))
  goOn()

  expect((await wire.take(5)).toString()).toBe(' last')
  await node.waitForRecord(({ path, decision }) => path === target && decision === 'admitted')
})

test.each([
  {
    title: 'no YAML',
    text: () => `${stringify(policy())}\n  - [`,
    problem: { code: 'GH_CONFIG_SYNTAX', line: expect.any(Number) },
  },
  {
    title: 'a misspelt key',
    text: () => stringify(policy()).replace('require:', 'requires:'),
    problem: { code: 'GH_CONFIG_UNKNOWN_KEY', line: 12, path: 'services.orders.routes[0].requires' },
  },
  {
    title: 'a service without an issuer',
    text: () => stringify(policy({ service: { issuers: ['nobody'] } })),
    problem: { code: 'GH_POLICY_ISSUER', path: 'services.orders.issuers[0]', line: expect.any(Number) },
  },
  {
    title: 'two routes for one request',
    text: () => stringify(policy({ routes: [{ ...publicRoute('twin'), match: { path: '/orders/**' } }] })),
    problem: { code: 'GH_POLICY_CONFLICT', path: 'services.orders.routes[1].match', line: expect.any(Number) },
  },
  { title: 'nothing at all', text: () => '', problem: { code: expect.stringMatching(/^GH_CONFIG_/) } },
])('a file that does not hold changes nothing, and the log says why: $title', async ({ text, problem }) => {
  const node = await brokenTestNode
  const gate: Gate = { node, services: [first] }
  const good = policy({ routes: [publicRoute(`good-${randomUUID()}`)] })
  const { revision } = await swap(node, good)
  const seen = node.log.length

  node.writePolicy(text())
  node.signal('SIGHUP')
  await admitted(gate, { target, token: issuer.sign() })
  const isNew = (line: LogRecord) => node.log.indexOf(line) >= seen
  const line = await node.waitForLine(
    (line) => line['msg'] === 'policy rejected; the one in force stays' && isNew(line),
  )
  await admitted(gate, { target, token: issuer.sign() })

  expect(line).toMatchObject({ level: 'error', revision })
  const [named] = line['problems'] as LogRecord[]
  expect(named).toMatchObject({ message: expect.any(String), file: node.folder.file('policy.yaml'), ...problem })

  // The way out: a file that holds, the same as before or another.
  node.writePolicy(good)
  node.signal('SIGHUP')
  await swap(node, policy({ routes: [publicRoute(`better-${randomUUID()}`)] }))
  await admitted(gate, { target, token: issuer.sign() })
})
const brokenTestNode = startNode({ policy: policy() })

test('a file that is gone changes nothing, and is taken again when it is back', async () => {
  const node = await startNode({ policy: policy() })
  const gate: Gate = { node, services: [first] }
  unlinkSync(node.folder.file('policy.yaml'))

  const line = await node.waitForLine(({ msg }) => msg === 'policy rejected; the one in force stays')
  expect(line['problems']).toMatchObject([{ code: 'GH_CONFIG_UNREADABLE', file: node.folder.file('policy.yaml') }])
  await admitted(gate, { target, token: issuer.sign() })
  await swap(node, policy({ scope: 'orders:all' }))
  await refused(gate, { target, token: issuer.sign() }, missingScope('orders:all'))
})

test('a policy that needs a key which the node has not is refused', async () => {
  const bare = { credentials: 'none' }
  const node = await startNode({ policy: policy({ service: bare }), settings: { keys: undefined } })
  node.writePolicy(policy())

  const line = await node.waitForLine(({ msg }) => msg === 'policy rejected; the one in force stays')
  expect(line['problems']).toMatchObject([
    { code: 'GH_CONFIG_KEY_MISSING', hint: expect.stringContaining('gatehouse keys generate assertion') },
  ])
  await admitted({ node, services: [first] }, { target, token: issuer.sign() })
})

test('a change is found without a signal, and a signal without a change is none', async () => {
  const node = await startNode({ policy: policy() })
  for (let i = 0; i < 5; i++) node.signal('SIGHUP')
  const revision = node.writePolicy(policy({ scope: 'orders:all' }))

  await node.waitForLine((line) => line['msg'] === 'policy changed' && line['revision'] === revision)

  expect(node.log.filter(({ msg }) => String(msg).startsWith('policy'))).toHaveLength(1)
})

test('a folder of files is one policy: a file that comes or goes is a change', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-policy-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const { issuers, services } = policy()
  const write = (name: string, part: object) => writeFileSync(join(folder, name), stringify({ version: 1, ...part }))
  const changed = (node: TestNode, routes: number) =>
    node.waitForLine((line) => line['msg'] === 'policy changed' && line['routes'] === routes)
  write('issuers.yaml', { issuers })
  write('orders.yaml', { services })
  const node = await startNode({ policy: '', settings: { policy: { source: 'file', path: folder } } })
  const gate: Gate = { node, services: [first, second] }
  await refused(gate, { target: '/reports' }, notFound)

  write('reports.yaml', { services: { reports: { upstreams: [second.url], routes: [publicRoute('reports')] } } })
  await changed(node, 2)
  await admitted(gate, { target: '/reports' })
  await admitted(gate, { target, token: issuer.sign() })

  unlinkSync(join(folder, 'orders.yaml'))
  await changed(node, 1)
  await refused(gate, { target, token: issuer.sign() }, notFound)
})
