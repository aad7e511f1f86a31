// Four nodes share a Redis. Some try a revision as a canary; the requests of the test decide how the rollout ends.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { guard } from '../../deploy/guard.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { atEnd } from '../kit/cleanup.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNodeProcess } from '../kit/node.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { programPath } from '../kit/programs.ts'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-canary-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const bootstrap = 'bootstrap-token-of-the-canary-test'
const env = { POLICY_KEY: randomBytes(32).toString('base64url'), BOOTSTRAP: bootstrap }
/** Longer than a test: the rollout ends for another reason. */
const long = 3600
const streams = new Map<string, ServerResponse>()

let link: RedisLink
let upstream: string
/** The running nodes. The first one answers the calls of the admin API. */
let nodes: NodeProcess[]
const ids = new Map<NodeProcess, string>()
const idOf = (node: NodeProcess) => ids.get(node)!

beforeAll(async () => {
  const redis = await testRedis()
  link = await testLink(redisSettingsFor(redis.port))
  const service = await startUpstream({
    handler: (received, response) => {
      const { pathname, search } = new URL(received.url, 'http://upstream')
      response.writeHead(pathname === '/read/broken' ? 500 : 200, { 'content-type': 'text/event-stream' })
      if (pathname !== '/read/events') return void response.end()
      streams.set(search, response)
      response.write('data: begun\n\n')
    },
  })
  upstream = service.url
  writeFileSync(join(folder, 'seed.yaml'), stringify(policyWith()))
  nodes = await Promise.all(['n1', 'n2', 'n3', 'n4'].map((id) => start(id, redis.url)))
})

async function start(id: string, redisUrl: string): Promise<NodeProcess> {
  const node = await startNodeProcess({
    policy: '',
    settings: {
      node: { id },
      redis: { url: redisUrl },
      log: { access: false },
      policy: { source: 'cluster', seed: join(folder, 'seed.yaml'), copy: 'policy-copy.json' },
      keys: { policy: [{ id: 'p1', secret: { env: 'POLICY_KEY' } }] },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
    },
    env,
  })
  ids.set(node, id)
  return node
}

const closed = { allow: ['10.9.9.9/32'] }

/** A policy with two public routes. @param more  keys of the route /read/** */
function policyWith(more: object = {}, root: object = {}): object {
  const routes = [
    { id: 'read', match: { path: '/read/**' }, require: 'public', ...more },
    { id: 'rare', match: { path: '/rare/**' }, require: 'public' },
  ]
  return { version: 1, ...root, services: { pages: { upstreams: [upstream], credentials: 'none', routes } } }
}

interface Reply {
  readonly status: number
  readonly document: Readonly<Record<string, unknown>>
}

/** Calls the admin API of the first node, which runs until the end of the tests. */
async function api(method: 'GET' | 'POST', path: string, body?: object): Promise<Reply> {
  const response = await fetch(`http://127.0.0.1:${nodes[0]!.adminPort}/api/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${bootstrap}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  return { status: response.status, document: (await response.json()) as Reply['document'] }
}

const apply = (policy: object, canary?: object) =>
  api('POST', 'policy/apply', { files: [{ name: 'seed.yaml', text: stringify(policy) }], canary, message: 'a try' })

const limits = { max_faults_percent: 0.5, max_new_denials_percent: 1 }

/** Starts a rollout. @returns the nodes that try the policy, and the others */
async function roll(policy: object, { percent = 25, for_s = long } = {}) {
  const { status, document } = await apply(policy, { percent, for_s, ...limits })
  expect([status, document]).toMatchObject([200, { outcome: 'started', missing: [] }])
  const chosen = document['canary_nodes'] as string[]
  const tried = nodes.filter((node) => chosen.includes(idOf(node)))
  return { chosen, tried, others: nodes.filter((node) => !tried.includes(node)), number: document['number'] as number }
}

interface Outcome {
  readonly outcome: string
  readonly why: string
  readonly by: string
  readonly number: number
}

/** Waits until no rollout runs. @param meanwhile  called until then */
async function ended(meanwhile: () => Promise<unknown> = async () => undefined): Promise<Outcome> {
  let last: unknown
  await until('the end of the rollout', async () => {
    await meanwhile()
    const { document } = await api('GET', 'policy/rollout')
    last = document['last']
    return document['running'] === null
  })
  return last as Outcome
}

const statusOf = async (node: NodeProcess, path: string) => (await fetch(`http://127.0.0.1:${node.port}${path}`)).status
const statuses = (of: readonly NodeProcess[], path = '/read/1') => Promise.all(of.map((node) => statusOf(node, path)))

async function load(of: readonly NodeProcess[], count = 120, path = '/read/1'): Promise<void> {
  await Promise.all(
    of.map(async (node) => {
      for (let i = 0; i < count; i++) await statusOf(node, path)
    }),
  )
}

async function activeNumber(): Promise<unknown> {
  return (await api('GET', 'policy/revisions')).document['active']
}

test('a policy canary that refuses too many requests is withdrawn automatically, the result names route and figures, and the revision number is not used again', async () => {
  const { tried, others, number } = await roll(policyWith({ addresses: closed }))
  expect([tried.length, number]).toEqual([1, 2])
  expect(await statuses(tried)).toEqual([403])
  expect(await statuses(others)).toEqual([200, 200, 200])

  const outcome = await ended(() => load(nodes, 20))
  expect(outcome).toMatchObject({ outcome: 'withdrawn', by: expect.stringMatching(/^node n/), number })
  expect(outcome.why).toMatch(/^route read: 100% of \d+ requests were refused on the canary nodes, and 0% of/)
  await until('the base on every node', async () => (await statuses(nodes)).every((status) => status === 200))
  expect(await activeNumber()).toBe(1)
  expect(await apply(policyWith({ timeouts: { idle: '31s' } }))).toMatchObject({ document: { number: 3 } })
})

test('while a policy canary runs, its nodes are marked in the node list, a `gatehouse apply` is refused with a remedy, and an abort ends the canary', async () => {
  const { chosen, tried } = await roll(policyWith({ addresses: closed }), { percent: 26 })
  expect(chosen).toHaveLength(2)
  const listed = (await api('GET', 'nodes')).document['nodes'] as {
    id: string
    policy_number: number
    policy_canary: boolean
  }[]
  expect(listed.map(({ id, policy_number, policy_canary }) => [id, policy_number, policy_canary])).toEqual(
    nodes.map((node) => [idOf(node), tried.includes(node) ? 4 : 3, tried.includes(node)]),
  )
  expect(await apply(policyWith())).toMatchObject({
    status: 409,
    document: { code: 'rollout_running', number: 4, hint: expect.stringContaining('gatehouse rollout abort') },
  })
  expect((await readMetrics(nodes[0]!.adminPort)).sum('gatehouse_policy_rollout_running')).toBe(1)
  expect(await api('GET', 'policy/rollout')).toMatchObject({
    document: { running: { number: 4, base: 3, author: 'bootstrap', message: 'a try' } },
  })

  expect(await api('POST', 'policy/rollout/abort', {})).toMatchObject({
    status: 200,
    document: { rollout: { outcome: 'aborted', by: 'bootstrap' }, receipt: { number: 3, missing: [] } },
  })
  expect(await statuses(nodes)).toEqual([200, 200, 200, 200])
  expect(await api('POST', 'policy/rollout/abort', {})).toMatchObject({
    status: 409,
    document: { code: 'rollout_unknown' },
  })
})

test('a policy canary that gets too few requests ends undecided, and its revision is withdrawn', async () => {
  const { number } = await roll(policyWith({ timeouts: { idle: '32s' } }), { for_s: 1 })
  expect(await ended()).toMatchObject({
    outcome: 'undecided',
    why: expect.stringContaining('a comparison needs 100 on each side'),
    number,
  })
  expect(await activeNumber()).toBe(3)
})

test('a policy canary with the same faults as the active revision is promoted to every node at its end', async () => {
  const { number } = await roll(policyWith({ timeouts: { idle: '33s' } }), { for_s: 12 })
  const outcome = await ended(async () => {
    await load(nodes, 40)
    await load(nodes, 10, '/read/broken')
  })
  expect(outcome).toMatchObject({ outcome: 'promoted', number })
  expect(await activeNumber()).toBe(number)
})

test('a policy canary that causes faults of the gate is withdrawn', async () => {
  const dead = { upstreams: ['http://127.0.0.1:1'] }
  const policy = policyWith() as { services: { pages: object } }
  const { tried } = await roll({ ...policy, services: { pages: { ...policy.services.pages, ...dead } } })
  expect(await statuses(tried)).toEqual([502])
  const outcome = await ended(() => load(nodes, 20))
  expect(outcome).toMatchObject({
    outcome: 'withdrawn',
    why: expect.stringContaining('were answered with an error (5xx)'),
  })
})

const verbEnv = () => ({
  GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${nodes[0]!.adminPort}`,
  GATEHOUSE_ADMIN_TOKEN: bootstrap,
})
const verb = (...words: string[]) => runVerb(words, verbEnv())

function policyFile(policy: object): string {
  const path = join(folder, 'candidate.yaml')
  writeFileSync(path, stringify(policy))
  return path
}

test('`gatehouse apply --canary` waits for the end of the canary, and exits with 0 when promoted, or with 1 and the cause when undecided', async () => {
  const undecided = await verb(
    'apply',
    policyFile(policyWith({ timeouts: { idle: '41s' } })),
    '--canary',
    '25%',
    '--for',
    '1s',
  )
  expect(undecided.exitCode, undecided.stderr).toBe(1)
  expect(undecided.stdout).toMatch(/^Revision \d+ is tried on n\d\. /m)
  expect(undecided.stdout).toMatch(
    /^Revision \d+ was withdrawn undecided \(node n\d\): .* a comparison needs 100 on each side\./m,
  )
  expect((await verb('rollout', 'status')).stdout).toMatch(
    /^No rollout is running\.\nThe last one ended at .*undecided/,
  )

  const following = verb(
    'apply',
    policyFile(policyWith({ timeouts: { idle: '42s' } })),
    '--canary',
    '25%',
    '--for',
    '12s',
  )
  let isOver = false
  void following.finally(() => {
    isOver = true
  })
  // A comparison needs 100 requests on each side. The pauses leave CPU time for the nodes on a busy machine.
  while (!isOver) {
    await load(nodes, 20)
    await sleep(100)
  }
  const promoted = await following
  expect(promoted.exitCode, promoted.stderr).toBe(0)
  expect(promoted.stdout).toMatch(/^Revision \d+ is active on every node /m)

  const refused = await verb('apply', policyFile(policyWith()), '--for', '1s')
  expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('need --canary') })
})

test('when `gatehouse apply --canary` is interrupted, it says that the canary continues; `gatehouse rollout abort` ends the canary', async () => {
  const words = ['apply', policyFile(policyWith({ addresses: closed })), '--canary', '25%']
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [programPath('gatehouse'), ...words], { env: { PATH, HOME, ...verbEnv() } })
  child.once('close', guard(child.pid!))
  const closing = once(child, 'close')
  const [stderr] = [text(child.stderr)]
  for await (const chunk of child.stdout) if (String(chunk).includes('is tried on')) break
  child.kill('SIGINT')
  expect(await closing).toEqual([130, null])
  expect(await stderr).toMatch(/^The rollout of revision \d+ continues\. Follow it with `gatehouse rollout status`\.$/m)

  const status = await verb('rollout', 'status')
  expect(status.stdout).toMatch(/^bootstrap began the rollout of revision \d+ at /)
  expect(status.stdout).toMatch(/^node n\d (enforces the revision|has not reported yet)$/m)
  expect((await verb('nodes')).stdout).toContain(', canary)')
  const aborted = await verb('rollout', 'abort')
  expect(aborted.exitCode, aborted.stderr).toBe(0)
  expect(aborted.stdout).toMatch(/^Revision \d+ was aborted \(bootstrap\): /m)
  expect(await verb('rollout', 'promote')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('no rollout runs'),
  })
})

test('when the node that controls a policy canary is killed, another node withdraws the revision with the counts so far', async () => {
  const { tried, others } = await roll(policyWith({ addresses: closed }), { percent: 50 })
  const victim = others.find((node) => node !== nodes[0])!
  await until('the reports of all nodes', async () => (await members()).length === nodes.length)
  // Enough requests for the others, none for the canary nodes: the rollout continues.
  await load(others)
  await until('the counts of the others', async () => (await running()).routes[0]!.others.requests === 240)
  const member = (await members()).find((key) => key.startsWith(`${idOf(victim)}~`))!
  await link.store.call('SET', link.keys.policyRolloutHolder, member, 'PX', 4000)
  victim.signal('SIGKILL')
  const outcome = await ended(() => load(tried, 20))
  expect(outcome).toMatchObject({ outcome: 'withdrawn', why: expect.stringContaining('route read: 100%') })
  expect(outcome.by).not.toBe(`node ${idOf(victim)}`)
  await gone(victim)
})

/** Waits until the lease of a killed node has ended: until then, its vote counts. */
async function gone(node: NodeProcess): Promise<void> {
  nodes = nodes.filter((each) => each !== node)
  await until('the end of the lease', async () => {
    const listed = (await api('GET', 'nodes')).document['nodes'] as { id: string }[]
    return listed.length === nodes.length
  })
}

interface Running {
  readonly sequence: number
  readonly routes: readonly { readonly others: { readonly requests: number } }[]
}

async function running(): Promise<Running> {
  return (await api('GET', 'policy/rollout')).document['running'] as Running
}

/** Keys of the members that have reported requests in the running rollout. */
async function members(): Promise<string[]> {
  const { sequence } = await running()
  return (await link.store.call('HKEYS', link.keys.policyRolloutCounts(sequence))) as string[]
}

test.each([
  ['a text without an end', ['SET', 'another process']],
  ['a value of another type', ['LPUSH', 'x']],
])(
  'when a Redis writer stores the lock of a policy canary as %s, the revision is withdrawn',
  async (_, [call, value]) => {
    await link.store.call('DEL', link.keys.policyRolloutHolder)
    await link.store.call(call!, link.keys.policyRolloutHolder, value!)
    await roll(policyWith({ addresses: closed }))
    expect(await ended(() => load(nodes, 10))).toMatchObject({ outcome: 'withdrawn' })
    expect(await link.store.call('DEL', link.keys.policyRolloutHolder)).toBe(1)
  },
)

test('a rollback ends a running policy canary', async () => {
  await roll(policyWith({ addresses: closed }))
  expect(await api('POST', 'policy/rollback', { to: 1 })).toMatchObject({ status: 200, document: { missing: [] } })
  expect(await ended()).toMatchObject({ outcome: 'aborted', by: 'bootstrap' })
  expect(await statuses(nodes)).toEqual([200, 200, 200])
})

test('a rollback without a number restores the policy revision that was active before, and never a withdrawn revision', async () => {
  const base = await activeNumber()
  const changeAfterAbort = async (idle: string) => {
    await roll(policyWith({ addresses: closed }))
    expect(await api('POST', 'policy/rollout/abort', {})).toMatchObject({ status: 200 })
    const { document } = await apply(policyWith({ timeouts: { idle } }))
    return document['number'] as number
  }
  await changeAfterAbort('61s')
  expect((await api('GET', 'policy/revisions')).document['before']).toBe(base)
  const back = await verb('rollback')
  expect(back.exitCode, back.stderr).toBe(0)
  expect(await statuses(nodes)).toEqual([200, 200, 200])

  const against = await changeAfterAbort('62s')
  expect(await api('POST', 'policy/rollback', { against })).toMatchObject({ status: 200 })
  expect(await statuses(nodes)).toEqual([200, 200, 200])
})

test('a promotion or an abort that names another canary than the running one is refused, and the running canary continues', async () => {
  const { number } = await roll(policyWith({ addresses: closed }))
  for (const how of ['promote', 'abort']) {
    expect(await api('POST', `policy/rollout/${how}`, { number: number - 1 })).toMatchObject({
      status: 409,
      document: { code: 'rollout_unknown', detail: `no rollout of revision ${number - 1} runs` },
    })
  }
  expect(await api('POST', 'policy/rollout/abort', { number })).toMatchObject({ status: 200 })
})

test('when an operator promotes a policy canary, the revision is active on every node at once', async () => {
  const { number, others } = await roll(policyWith({ addresses: closed }))
  expect(await statuses(others)).toEqual([200, 200])
  expect(await api('POST', 'policy/rollout/promote', {})).toMatchObject({
    status: 200,
    document: { rollout: { outcome: 'promoted' }, receipt: { number, missing: [] } },
  })
  expect(await statuses(nodes)).toEqual([403, 403, 403])
  expect(await apply(policyWith())).toMatchObject({ status: 200 })
})

test('a stream that began before a policy canary continues on a canary node that would refuse it as a new request, and ends after the promotion', async () => {
  const wires = await Promise.all(
    nodes.map(async ({ port }, i) => {
      const wire = await connect(port)
      await wire.send(requestBytes({ target: `/read/events?${i}`, host: 'gate.test' }))
      await wire.until('data: begun')
      return wire
    }),
  )
  await roll(policyWith({ addresses: closed }), { percent: 50 })
  // The check of a stream takes place for each chunk.
  for (const [i, wire] of wires.entries()) {
    streams.get(`?${i}`)!.write('data: later\n\n')
    expect((await wire.until('data: later')).toString()).toContain('data: later')
  }
  expect(await api('POST', 'policy/rollout/promote', {})).toMatchObject({ status: 200 })
  await until('the end of the streams', async () => {
    const metrics = await Promise.all(nodes.map(({ adminPort }) => readMetrics(adminPort)))
    return metrics.every((each) => each.sum('gatehouse_requests_total', { reason: 'stream-ended' }) === 1)
  })
  expect(await apply(policyWith())).toMatchObject({ status: 200 })
})

test('when Redis loses its data during a policy canary, the revision is withdrawn, and its number is not used again', async () => {
  const active = await activeNumber()
  const { number } = await roll(policyWith({ addresses: closed }))
  await link.store.call('FLUSHALL')
  const outcome = await ended()
  expect(outcome).toMatchObject({ outcome: 'withdrawn', why: `Redis has lost revision ${number}`, number })
  expect(await activeNumber()).toBe(active)
  // The members join again before they vote.
  let next: Reply | undefined
  await until('a change after the loss', async () => {
    next = await apply(policyWith({ timeouts: { idle: '51s' } }))
    return next.status === 200
  })
  expect(next).toMatchObject({ document: { number: number + 1 } })
})

test('a canary node that restarts enforces the active revision, and a policy canary that no node tries any more is withdrawn', async () => {
  const { tried } = await roll(policyWith({ addresses: closed }))
  const [chosen] = tried
  if (chosen === nodes[0]) {
    // This node answers the calls of the test.
    expect(await api('POST', 'policy/rollout/abort', {})).toMatchObject({ status: 200 })
    return
  }
  await chosen!.kill()
  await gone(chosen!)
  expect(await ended()).toMatchObject({ outcome: 'undecided', why: expect.stringContaining('stopped or restarted') })
})

test.each([
  ['issuers', { issuers: { main: { issuer: 'https://idp.test', audience: ['a'] } } }, 'issuers.main'],
  [
    'the mode of a limit',
    { limits: [{ name: 'all', by: 'address', requests: 10_000, window: '1m', mode: 'exact' }] },
    'gate/all',
  ],
])('a policy canary that changes %s is refused, and the error names the key', async (_, root, named) => {
  const base = { limits: [{ name: 'all', by: 'address', requests: 10_000, window: '1m' }] }
  expect(await apply(policyWith({}, base))).toMatchObject({ status: 200 })
  const refused = await apply(policyWith({}, { ...base, ...root }), { percent: 50, for_s: 10, ...limits })
  expect(refused).toMatchObject({ status: 422, document: { code: 'canary_refused' } })
  expect(JSON.stringify(refused.document['problems'])).toContain(named)
})
