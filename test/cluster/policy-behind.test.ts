// A node that cannot enforce the active revision, because one of its secrets is missing, does not decide by the revision
// before while another node enforces the active one. Each node has its own folder of secrets.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { ActivationReceipt } from '../../gateway/revisions/activation-receipt.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { NodeProcess } from '../kit/node-process.ts'
import { PhasedStore } from '../kit/phased-store.ts'
import { type PolicyEditor, PolicyFolder, policyEditor } from '../kit/policy-editor.ts'
import { testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

const [redis, issuer, upstream] = await Promise.all([testRedis(), startIssuer(), startUpstream()])
const folder = new PolicyFolder(redis.url)
const token = issuer.sign({ claims: { scope: 'read' } })

let n1: TestNode
let n2: TestNode
let editor: PolicyEditor
let store: PhasedStore

/** A policy with a public and a protected route; the service needs this file as a secret. */
function policyWith(paths: readonly string[], secret?: string): object {
  const credentials =
    secret === undefined ? 'none' : { type: 'header', name: 'x-api-key', secret: { file: `${secret}.txt` } }
  const routes = paths.map((path) => ({
    id: path,
    match: { path: `/${path}/**` },
    require: path === 'open' ? 'public' : { scopes: { all: ['read'] } },
  }))
  const issuers = { main: { issuer: issuer.url, audience: [testAudience] } }
  return { version: 1, issuers, services: { pages: { upstreams: [upstream.url], credentials, routes } } }
}

function optionsOf(id: string) {
  const options = folder.options(id, policyWith(['open', 'first']))
  mkdirSync(join(folder.path, id), { recursive: true })
  const policy = { source: 'cluster', seed: join(folder.path, id, 'seed.yaml'), copy: folder.copyOf(id) }
  writeFileSync(policy.seed, readFileSync(join(folder.path, `${id}.yaml`)))
  return { ...options, settings: { ...options.settings, policy, revocation: { max_staleness: '2s' } } }
}

const secretOf = (id: string, name: string) => join(folder.path, id, `${name}.txt`)
const give = (name: string, ...ids: string[]) => {
  for (const id of ids) writeFileSync(secretOf(id, name), 'secret-of-the-service')
}
/** Gives a node the secret, and makes it try the revision again at once. */
const mend = (name: string, node: TestNode, id: string) => {
  give(name, id)
  node.reload()
}
const statusOf = async ({ port }: TestNode, path: string) =>
  (await fetch(`http://127.0.0.1:${port}/${path}/1`, { headers: { authorization: `Bearer ${token}` } })).status
const isReady = async ({ adminPort }: TestNode) => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok
const isFenced = ({ fenced_by }: ActivationReceipt) => until('the fence', () => Date.now() > Date.parse(fenced_by))

beforeAll(async () => {
  n1 = await startNode(optionsOf('n1'))
  n2 = await startNode(optionsOf('n2'))
  editor = await policyEditor(redis.port, folder, (client, keys) => new PhasedStore(client, keys))
  store = editor.store as PhasedStore
})

/** Paths of the newest revision, and the secret that it needs. */
const paths = ['open', 'first']
const newest = () => policyWith(paths, paths.at(-1)!)

/** Adds a path to the policy. The path and its secret have a new name in each attempt of a test. */
function addPath(name: string): string {
  const path = `${name}-${paths.length}`
  paths.push(path)
  return path
}

/** Applies the newest policy; these nodes lose its secret after the vote. */
async function applyAndLose(...losing: string[]): Promise<ActivationReceipt> {
  const secret = paths.at(-1)!
  give(secret, 'n1', 'n2')
  store.at.set('before-activation', () => {
    for (const id of losing) rmSync(secretOf(id, secret))
  })
  const outcome = await editor.apply(newest(), { waitMs: 1500 })
  return (outcome as { readonly receipt: ActivationReceipt }).receipt
}

test('if a node loses a secret after its vote for a policy, it replies 503 to protected requests from the time `fenced_by`, and is not ready until SIGHUP finds the secret', async () => {
  const added = addPath('second')
  const receipt = await applyAndLose('n2')
  expect(receipt).toMatchObject({ acknowledged: [{ node: 'n1' }], missing: ['n2'], not_fenced: ['open'] })
  await isFenced(receipt)
  expect([await statusOf(n2, 'first'), await statusOf(n2, 'open')]).toEqual([503, 200])
  await until('readiness of the other node alone', async () => (await isReady(n1)) && !(await isReady(n2)))
  await until('an answer of the other node', async () => (await statusOf(n1, added)) === 200)
  mend(added, n2, 'n2')
  await until('the new revision', async () => (await statusOf(n2, added)) === 200 && (await isReady(n2)))
})

test('when no node can enforce the active policy revision, all nodes stay ready and decide by the previous revision', async () => {
  const added = addPath('third')
  try {
    const receipt = await applyAndLose('n1', 'n2')
    expect(receipt.acknowledged).toEqual([])
    expect([...receipt.missing].sort()).toEqual(['n1', 'n2'])
    await isFenced(receipt)
    for (const node of [n1, n2]) {
      await until('an answer by the revision before', async () => (await statusOf(node, 'first')) === 200)
      await until('readiness', () => isReady(node))
      expect(await statusOf(node, added)).toBe(404)
      expect((await readMetrics(node.adminPort)).sum('gatehouse_policy_behind')).toBe(1)
    }
  } finally {
    mend(added, n1, 'n1')
    mend(added, n2, 'n2')
  }
  for (const node of [n1, n2]) await until('the new revision', async () => (await statusOf(node, added)) === 200)
})

test('a policy canary is refused when only one node is left before the vote, and nothing changes', async () => {
  store.at.set('before-votes', () => n2.stop())
  const canary = { percent: 50, forMs: 60_000, maxFaultsPercent: 1, maxNewDenialsPercent: 1 }
  expect(await editor.apply(policyWith(['open', 'tried'], paths.at(-1)!), { canary })).toMatchObject({
    outcome: 'no-canary',
    problems: [{ message: expect.stringContaining('a canary needs two nodes') }],
  })
  // The node was there when the change began.
  expect(store.at.size).toBe(0)
  expect(await editor.apply(newest())).toMatchObject({ outcome: 'unchanged' })
})

test('a node that starts without a secret of the active policy revision names the secret, keeps its older copy, and is not ready until it has the secret', async () => {
  const former = paths.at(-1)!
  const added = addPath('fourth')
  give(added, 'n1')
  expect(await editor.apply(newest())).toMatchObject({ outcome: 'activated' })
  const copy = readFileSync(folder.copyOf('n2'))

  const late = new NodeProcess(optionsOf('n2'))
  try {
    const told = await late.waitForLine(
      ({ msg }) => msg === 'the active policy is invalid on this node; starting with the copy on disk',
    )
    expect(JSON.stringify(told['problems'])).toContain(`${added}.txt`)
    const { listen, admin } = await late.waitForLine(({ msg }) => msg === 'node started')
    late.port = Number(String(listen).split(':').at(-1))
    late.adminPort = Number(String(admin).split(':').at(-1))
    await late.waitForLine(({ msg }) => msg === 'joined the cluster')
    expect([await statusOf(late, 'open'), await statusOf(late, former), await isReady(late)]).toEqual([200, 503, false])
    expect(readFileSync(folder.copyOf('n2'))).toEqual(copy)
    mend(added, late, 'n2')
    await until('the new revision', async () => (await statusOf(late, added)) === 200 && (await isReady(late)))
    expect(readFileSync(folder.copyOf('n2'))).not.toEqual(copy)
  } finally {
    await late.remove()
  }
})
