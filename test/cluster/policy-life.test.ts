// The policy of a cluster through the life of its nodes: the change from files, a rotation of keys.policy while a node is
// down, a disk that takes no copy, and a clock that is set back.

import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { readActivation } from '../../gateway/revisions/revision.ts'
import { startNode } from '../kit/node.ts'
import { NodeProcess } from '../kit/node-process.ts'
import { type PolicyEditor, PolicyFolder, policyEditor } from '../kit/policy-editor.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { NodeOptions, TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startWorker, type TestWorker } from '../kit/worker.ts'

const [redis, upstream] = await Promise.all([testRedis(), startUpstream()])
const folder = new PolicyFolder(redis.url)
const bootstrap = 'bootstrap-token-of-the-policy-life-test'
const laterKey = randomBytes(32).toString('base64url')

let n1: TestNode
let n2: TestNode
let worker: Promise<TestWorker>
let editor: PolicyEditor

function policyWith(path: string): object {
  const routes = [{ id: path, match: { path: `/${path}/**` }, require: 'public' }]
  return { version: 1, services: { pages: { upstreams: [upstream.url], credentials: 'none', routes } } }
}

/** Options of a node whose copy is in its own folder. */
function optionsOf(id: string, keys: readonly string[] = ['k1', 'k2']): NodeOptions {
  const { settings, env, policy } = folder.options(id, policyWith('first'), {
    LATER_KEY: laterKey,
    BOOTSTRAP: bootstrap,
  })
  mkdirSync(join(folder.path, id), { recursive: true })
  const variables: Readonly<Record<string, string>> = { k1: 'POLICY_KEY', k2: 'LATER_KEY' }
  const own = {
    policy: { ...(settings!['policy'] as object), copy: join(folder.path, id, 'copy') },
    keys: { policy: keys.map((key) => ({ id: key, secret: { env: variables[key] } })) },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
  }
  return { policy, env: env!, settings: { ...settings, ...own } }
}

/** Options of the same node before the change from files. */
function fileOptionsOf(id: string): NodeOptions {
  const { policy, env, settings } = optionsOf(id)
  const { policy: _source, keys: _keys, ...rest } = settings!
  return { policy, env: env!, settings: rest }
}

const statusOf = async ({ port }: TestNode, path: string) => (await fetch(`http://127.0.0.1:${port}/${path}/1`)).status
const isReady = async ({ adminPort }: TestNode) => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok
const verb = (...words: string[]) =>
  runVerb(words, { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${n1.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap })

beforeAll(async () => {
  // A worker has no seed.
  const options = folder.options('w1', policyWith('first'))
  worker = startWorker({
    ...options,
    settings: { ...options.settings, policy: { source: 'cluster', copy: folder.copyOf('w1') } },
  })
  worker.catch(() => undefined)
  n1 = await startNode(fileOptionsOf('n1'))
  n2 = await startNode(fileOptionsOf('n2'))
})

test('nodes change one after the other from policy files to the policy of the cluster, and the policy cannot be changed until all nodes have', async () => {
  await n1.stop()
  n1 = await startNode(optionsOf('n1'))
  editor = await policyEditor(redis.port, folder)
  expect([await statusOf(n1, 'first'), await statusOf(n2, 'first')]).toEqual([200, 200])
  expect(await editor.apply(policyWith('second'))).toMatchObject({
    outcome: 'rejected',
    objections: [{ node: 'n2', problems: [{ message: expect.stringContaining('policy.source is file') }] }],
  })
  await n2.stop()
  n2 = await startNode(optionsOf('n2'))
  expect(await editor.apply(policyWith('second'))).toMatchObject({ outcome: 'activated', receipt: { missing: [] } })
  expect([await statusOf(n1, 'second'), await statusOf(n2, 'second')]).toEqual([200, 200])
})

test('a worker that starts before the first policy revision waits for it, and follows later revisions', async () => {
  const started = await worker
  await started.waitForLine(({ msg, number }) => msg === 'policy revision activated' && number === 2)
})

test('the time of a policy activation comes from Redis, so that a clock that is set back does not change the order of activations', async () => {
  vi.setSystemTime(new Date('2020-01-01'))
  onTestFinished(() => void vi.useRealTimers())
  const before = editor.service.active.activation.time
  expect(await editor.apply(policyWith('third'))).toMatchObject({ outcome: 'activated' })
  const { time } = readActivation(JSON.parse(await editor.store.activation()).body)!
  expect(Date.parse(time)).toBeGreaterThan(Date.parse(before))
})

test('a node that cannot write its policy copy to disk enforces a new revision, and logs the fault', async () => {
  rmSync(join(folder.path, 'n2'), { recursive: true })
  writeFileSync(join(folder.path, 'n2'), 'no folder')
  expect(await editor.apply(policyWith('fourth'))).toMatchObject({ outcome: 'activated', receipt: { missing: [] } })
  expect(await statusOf(n2, 'fourth')).toBe(200)
  await n2.waitForLine(({ msg }) => msg === 'the copy of the active policy cannot be written')
  rmSync(join(folder.path, 'n2'))
})

test('a node that was down during a rotation of keys.policy enforces the active policy revision once it has the new key, and is not ready without this key', async () => {
  await editor.apply(policyWith('fifth'))
  await n2.stop()
  await (await worker).stop()
  await until('the end of the reports of stopped processes', async () => {
    return (await verb('keys', 'rotate', 'policy', '--to', 'k2')).exitCode === 0
  })
  const path = join(folder.path, 'sixth.yaml')
  writeFileSync(path, JSON.stringify(policyWith('sixth')))
  expect(await verb('apply', path)).toMatchObject({ exitCode: 0 })

  const lacking = new NodeProcess(optionsOf('n2', ['k1']))
  try {
    const told = await lacking.waitForLine(({ msg }) => msg === 'starting with the copy of the policy on disk')
    expect(told['reason']).toContain('a key that this process lacks')
    const { listen, admin } = await lacking.waitForLine(({ msg }) => msg === 'node started')
    lacking.port = Number(String(listen).split(':').at(-1))
    lacking.adminPort = Number(String(admin).split(':').at(-1))
    await lacking.waitForLine(
      ({ msg }) => msg === 'node cannot join the cluster: it lacks the key that the cluster writes with',
    )
    expect([await statusOf(lacking, 'fifth'), await isReady(lacking)]).toEqual([200, false])
    expect(await verb('apply', path)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Nothing changed') })
  } finally {
    await lacking.remove()
  }
  n2 = await startNode(optionsOf('n2'))
  expect(await statusOf(n2, 'sixth')).toBe(200)
})
