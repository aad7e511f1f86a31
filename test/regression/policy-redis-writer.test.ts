// A process that can write to Redis must not change which policy a node enforces, also through the parts of the data
// that have no MAC or an unknown one: numbers of revisions, votes, keys, and the absence of the activation.

import { beforeAll, expect, test } from 'vitest'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { RevisionStore } from '../../gateway/revisions/revision-store.ts'
import { startNode } from '../kit/node.ts'
import { type PolicyEditor, PolicyFolder, policyEditor } from '../kit/policy-editor.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

let folder: PolicyFolder
let link: RedisLink
let upstream: string
let editor: PolicyEditor
let node: TestNode

/** Votes that a Redis writer puts in place of those of the nodes, by the id of the node. */
const written = new Map<string, string>()
const counted = new Map<string, string>()

/**
 * Store of the node that counts the votes. Before each count, the Redis writer replaces votes, again when a node voted
 * between the write and the count.
 */
class WrittenVotes extends RevisionStore {
  override async votes(id: string) {
    for (;;) {
      for (const [voter, vote] of written) await link.store.call('HSET', link.keys.policyVotes(id), voter, vote)
      const votes = await super.votes(id)
      if ([...written].some(([voter, vote]) => votes.get(voter) !== vote)) continue
      for (const [voter, vote] of votes) counted.set(voter, vote)
      return votes
    }
  }
}

beforeAll(async () => {
  const redis = await testRedis()
  folder = new PolicyFolder(redis.url)
  link = await testLink(redisSettingsFor(redis.port))
  await link.store.call('SET', link.keys.epoch, 'first')
  upstream = (await startUpstream()).url
  node = await startNode(folder.options('n1', policyWith('seed')))
  editor = await policyEditor(redis.port, folder, (client, keys) => new WrittenVotes(client, keys))
})

function policyWith(path: string, credentials: object | string = 'none'): object {
  const routes = [{ id: path, match: { path: `/${path}/**` }, require: 'public' }]
  return { version: 1, services: { pages: { upstreams: [upstream], credentials, routes } } }
}

const statusOf = async ({ port }: TestNode, path: string) => (await fetch(`http://127.0.0.1:${port}/${path}/1`)).status

test('a policy revision number that was written into Redis by hand does not change the next number, and deletes no revision', async () => {
  await link.store.call('HSET', link.keys.policyRevisions, '2', 'junk', '9007199254740000', 'junk')
  expect(await editor.apply(policyWith('second'))).toMatchObject({ outcome: 'activated', receipt: { number: 2 } })
  expect((await editor.service.list()).map(({ number }) => number)).toEqual([2, 1])
  expect((await editor.store.numbers()).toSorted()).toEqual([1, 2])
})

test('after the policy activation was deleted from Redis, a node without a policy copy does not use its seed while a member enforces a revision', async () => {
  await link.store.call('DEL', link.keys.policyActivation)
  const late = await startNode(folder.options('n2', policyWith('intruder')))
  expect([await statusOf(late, 'second'), await statusOf(late, 'intruder')]).toEqual([200, 404])
  expect(late.log.some(({ msg }) => msg === 'policy.seed is ignored: the cluster has a policy')).toBe(true)
  await late.stop()
})

test('a vote on a policy that was written into Redis by hand, such as an earlier yes of the same node, does not count', async () => {
  expect(await editor.apply(policyWith('third'))).toMatchObject({ outcome: 'activated' })
  const needsSecret = policyWith('fourth', { type: 'header', name: 'x-api-key', secret: { env: 'ABSENT' } })
  written.set('n1', counted.get('n1')!)
  expect(await editor.apply(needsSecret)).toMatchObject({
    outcome: 'rejected',
    objections: [{ node: 'n1', problems: [{ message: expect.stringContaining('not authentic') }] }],
  })
  written.clear()
  expect(await editor.apply(needsSecret)).toMatchObject({
    outcome: 'rejected',
    objections: [{ node: 'n1', problems: [{ message: expect.stringContaining('ABSENT') }] }],
  })
})

test('a policy activation that was sealed with an unknown key is replaced only when no other process reports this key any more', async () => {
  const good = await editor.store.activation()
  const unknown = JSON.stringify({ ...JSON.parse(good), key: 'k9' })
  // The report of a node with this key, as after a change of keys on that node only.
  const keys = { assertion: [], encryption: [], audit: [], policy: ['k9'] }
  const report = JSON.stringify({ id: 'n9', role: 'node', keys, writes: {} })
  await link.store.call('HSET', link.keys.keyHolders, 'n9~x', `${Date.now() + 600_000} ${report}`)
  await link.store.call('SET', link.keys.policyActivation, unknown)
  expect(await editor.apply(policyWith('fifth'))).toMatchObject({ outcome: 'conflict', isUnreadable: true })
  await node.waitForLine(({ msg }) => String(msg).includes('other nodes may have the key'), 30_000)
  expect(await editor.store.activation()).toBe(unknown)
  await link.store.call('HDEL', link.keys.keyHolders, 'n9~x')
  await until('the authentic activation', async () => (await editor.store.activation()) === good)
  expect(await editor.apply(policyWith('fifth'))).toMatchObject({ outcome: 'activated' })
})
