// A process that can write to Redis must not change which policy a node enforces, also through the parts of the data
// that have no MAC: numbers of revisions, and the absence of the activation.

import { beforeAll, expect, test } from 'vitest'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { startNode, type TestNode } from '../kit/node.ts'
import { type PolicyEditor, PolicyFolder, policyEditor } from '../kit/policy-editor.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

let folder: PolicyFolder
let link: RedisLink
let upstream: string
let editor: PolicyEditor

beforeAll(async () => {
  const redis = await testRedis()
  folder = new PolicyFolder(redis.url)
  link = await testLink(redisSettingsFor(redis.port))
  await link.store.call('SET', link.keys.epoch, 'first')
  upstream = (await startUpstream()).url
  await startNode(folder.options('n1', policyWith('seed')))
  editor = await policyEditor(redis.port, folder)
})

function policyWith(path: string): object {
  const routes = [{ id: path, match: { path: `/${path}/**` }, require: 'public' }]
  return { version: 1, services: { pages: { upstreams: [upstream], credentials: 'none', routes } } }
}

const statusOf = async ({ port }: TestNode, path: string) => (await fetch(`http://127.0.0.1:${port}/${path}/1`)).status

test('a revision number that was written into Redis by hand does not become the next number, and deletes no revision', async () => {
  await link.store.call('HSET', link.keys.policyRevisions, '2', 'junk', '9007199254740000', 'junk')
  expect(await editor.apply(policyWith('second'))).toMatchObject({ outcome: 'activated', receipt: { number: 2 } })
  expect((await editor.service.list()).map(({ number }) => number)).toEqual([2, 1])
  expect((await editor.store.numbers()).toSorted()).toEqual([1, 2])
})

test('a node without a copy does not use its seed after the activation was deleted, while a member enforces a revision', async () => {
  await link.store.call('DEL', link.keys.policyActivation)
  const late = await startNode(folder.options('n2', policyWith('intruder')))
  expect([await statusOf(late, 'second'), await statusOf(late, 'intruder')]).toEqual([200, 404])
  expect(late.log.some(({ msg }) => msg === 'policy.seed is ignored: the cluster has a policy')).toBe(true)
  await late.stop()
})
