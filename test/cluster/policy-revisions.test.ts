// Three nodes and a worker enforce the policy of the cluster. Each revision adds a public path, so that a reply shows
// the revision by which a node decides.

import { beforeAll, expect, test } from 'vitest'
import { KeyRing } from '../../gateway/base/key-ring.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { Envelopes } from '../../gateway/revisions/envelope.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode, startNodeProcess } from '../kit/node.ts'
import { NodeProcess } from '../kit/node-process.ts'
import { type PolicyEditor, PolicyFolder, policyEditor } from '../kit/policy-editor.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startWorker, type TestWorker } from '../kit/worker.ts'

let folder: PolicyFolder
let link: RedisLink
let upstream: string
let nodes: TestNode[]
let third: NodeProcess
let worker: TestWorker
let editor: PolicyEditor
let redis: Awaited<ReturnType<typeof testRedis>>

beforeAll(async () => {
  redis = await testRedis()
  folder = new PolicyFolder(redis.url)
  link = await testLink(redisSettingsFor(redis.port))
  upstream = (await startUpstream()).url
  // All start at the same time with an empty Redis: one seed becomes the first revision.
  const started = ['n1', 'n2'].map((id) => startNode(folder.options(id, policyWith('seed'), { SECRET_OF_TWO: 'x' })))
  const starting = startNodeProcess(folder.options('n3', policyWith('seed')))
  const working = startWorker(folder.options('w1', policyWith('seed')))
  third = await starting
  nodes = [...(await Promise.all(started)), third]
  worker = await working
  editor = await policyEditor(redis.port, folder)
})

/** A policy with public paths, and with a credential from these variables of the environment. */
function policyWith(paths: string | readonly string[], credential: object | string = 'none'): object {
  const routes = [paths].flat().map((path) => ({ id: path, match: { path: `/${path}/**` }, require: 'public' }))
  return { version: 1, services: { pages: { upstreams: [upstream], credentials: credential, routes } } }
}

const statusOf = async (node: TestNode, path: string) => (await fetch(`http://127.0.0.1:${node.port}/${path}/1`)).status
const statuses = (path: string) => Promise.all(nodes.map((node) => statusOf(node, path)))
const refused = async (cause: string) => {
  const counts = await Promise.all(nodes.map((node) => readMetrics(node.adminPort)))
  return counts.map((each) => each.sum('gatehouse_policy_activations_refused_total', { cause }))
}

test('nodes that start together with an empty Redis make one policy revision 1 from their seed, and all nodes enforce it', async () => {
  expect(await statuses('seed')).toEqual([200, 200, 200])
  expect(await editor.service.list()).toMatchObject([{ number: 1, author: expect.stringMatching(/^node n\d$/) }])
})

test('at the receipt of a policy activation, every node that acknowledged it decides by the new revision, and the worker uses it too', async () => {
  const outcome = await editor.apply(policyWith(['seed', 'second']), { against: 1 })
  expect(outcome).toMatchObject({
    outcome: 'activated',
    receipt: { number: 2, sequence: 2, missing: [], not_fenced: ['seed'] },
  })
  expect(await statuses('second')).toEqual([200, 200, 200])
  await worker.waitForLine(({ msg, number }) => msg === 'policy revision activated' && number === 2)
})

test('a policy that one node cannot enforce is rejected, the error names the node and the secret, and nothing changes', async () => {
  const needsSecret = { type: 'header', name: 'x-api-key', secret: { env: 'SECRET_OF_TWO' } }
  const outcome = await editor.apply(policyWith(['third'], needsSecret))
  expect(outcome).toMatchObject({
    outcome: 'rejected',
    objections: [{ node: 'n3', problems: [{ message: expect.stringContaining('SECRET_OF_TWO') }] }],
  })
  expect(await statuses('third')).toEqual([404, 404, 404])
  expect((await editor.service.list()).map(({ number }) => number)).toEqual([2, 1])
})

test('an invalid policy is refused with its problems, and an unchanged policy makes no new revision', async () => {
  expect(await editor.apply({ version: 1, services: {} })).toMatchObject({
    outcome: 'invalid',
    problems: [{ code: 'GH_CONFIG_MISSING' }],
  })
  expect(await editor.apply(policyWith(['seed', 'second']))).toEqual({ outcome: 'unchanged', number: 2 })
})

test('a policy change based on an earlier revision is refused, and the error lists the revisions since then', async () => {
  expect(await editor.apply(policyWith(['other']), { against: 1 })).toMatchObject({
    outcome: 'conflict',
    number: 2,
    since: [{ number: 2, author: 'the test', message: 'a change' }],
  })
})

test('S-129 of two simultaneous policy changes, one is activated and the other reports the conflict', async () => {
  const outcomes = await Promise.all([
    editor.apply(policyWith(['seed', 'left']), { against: 2 }),
    editor.apply(policyWith(['seed', 'right']), { against: 2 }),
  ])
  expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['activated', 'conflict'])
})

test('a policy rollback makes a new revision with the content of an earlier one', async () => {
  expect(await editor.rollback(2)).toMatchObject({ outcome: 'activated', receipt: { number: 4, sequence: 4 } })
  expect(await statuses('second')).toEqual([200, 200, 200])
  expect(await editor.rollback(99)).toBeUndefined()
})

test('a policy activation that was written into Redis by hand is refused and counted by every node, and is replaced', async () => {
  const good = await editor.store.activation()
  const before = await refused('forged')
  const forged = JSON.stringify({ ...JSON.parse(good), mac: 'A'.repeat(43) })
  await link.store.call('SET', link.keys.policyActivation, forged)
  await link.store.call('XADD', link.keys.events, '*', 'k', 'policy', 'r', forged)
  await until('the refusals of all nodes', async () => (await refused('forged')).every((n, i) => n > before[i]!))
  await until('the authentic activation', async () => (await editor.store.activation()) === good)
  expect(await statuses('second')).toEqual([200, 200, 200])
})

test('an earlier policy activation that is written into Redis again is refused by every node, and is replaced', async () => {
  const old = await editor.store.activation()
  expect(await editor.apply(policyWith(['seed', 'second', 'later']))).toMatchObject({ outcome: 'activated' })
  const newest = await editor.store.activation()
  const before = await refused('older')
  await link.store.call('SET', link.keys.policyActivation, old)
  await link.store.call('XADD', link.keys.events, '*', 'k', 'policy', 'r', old)
  await until('the refusals of all nodes', async () => (await refused('older')).every((n, i) => n > before[i]!))
  await until('the newest activation', async () => (await editor.store.activation()) === newest)
  expect(await statuses('later')).toEqual([200, 200, 200])
})

test('a policy activation of a newer version of Gatehouse is not applied, and every node reports that it is behind until it can read a later activation', async () => {
  const good = await editor.store.activation()
  const ring = new KeyRing([{ id: 'k1', secret: Buffer.from(folder.secret, 'base64url') }])
  const newer = new Envelopes(ring, 'gh:').seal(
    'activation',
    JSON.stringify({ sequence: 99, kind: 'of a newer version' }),
  )
  const behind = async () =>
    (await Promise.all(nodes.map((node) => readMetrics(node.adminPort)))).map((each) =>
      each.sum('gatehouse_policy_behind'),
    )
  await link.store.call('SET', link.keys.policyActivation, newer)
  await until('the reports of all nodes', async () => (await behind()).join() === '1,1,1')
  expect(await statuses('later')).toEqual([200, 200, 200])
  expect(await editor.store.activation()).toBe(newer)
  await link.store.call('SET', link.keys.policyActivation, good)
  await until('the end of the reports', async () => (await behind()).join() === '0,0,0')
})

test('when Redis loses its data, a member restores the active policy revision, revision numbers continue, and a starting node ignores its seed', async () => {
  await link.store.call('FLUSHALL')
  const late = await startNode(folder.options('n4', policyWith('intruder')))
  expect(await statusOf(late, 'later')).toBe(200)
  expect(await statusOf(late, 'intruder')).toBe(404)
  await late.stop()
  expect(await editor.apply(policyWith(['seed', 'after-loss']))).toMatchObject({
    outcome: 'activated',
    receipt: { number: 6, sequence: 6, missing: [] },
  })
  expect(await statuses('after-loss')).toEqual([200, 200, 200])
})

test('if a suspended node does not vote on a policy change, the error names the node, and the change is not made', async () => {
  third.signal('SIGSTOP')
  const outcome = await editor.apply(policyWith(['seed', 'unseen'])).finally(() => third.signal('SIGCONT'))
  expect(outcome).toMatchObject({ outcome: 'rejected', objections: [{ node: 'n3' }] })
  await until('the return of the node', async () => (await statusOf(nodes[2]!, 'after-loss')) === 200)
})

test('while Redis is unavailable, a node starts with the policy copy on its disk', async () => {
  await nodes[0]!.stop()
  await redis.stop()
  const node = new NodeProcess(folder.options('n1', policyWith('intruder')))
  try {
    await node.waitForLine(({ msg }) => msg === 'starting with the copy of the policy on disk')
    const started = await node.waitForLine(({ msg }) => msg === 'node started', 60_000)
    node.port = Number(String(started['listen']).split(':').at(-1))
    expect(await statusOf(node, 'after-loss')).toBe(200)
  } finally {
    await node.remove()
  }
})
