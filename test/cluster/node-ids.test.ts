import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startNodeProcess } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'

// A node id belongs to one running node. A second node with the same id does not start. A killed node can start again
// with its id.

const redis = await testRedis()
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)

const optionsFor = (id: string) => ({
  policy: testPolicy({ issuer: 'http://127.0.0.1:1', orders: 'http://127.0.0.1:1' }),
  settings: { node: { id }, redis: { url: redis.url } },
})
const holderOf = (id: string) => link.store.call('GET', link.keys.nodeId(id))

test('a second node with the same node id exits with code 1 and an error that names the address of the first node', async () => {
  const first = await startNodeProcess(optionsFor('twice'))
  const holder = await holderOf('twice')
  await expect(startNodeProcess(optionsFor('twice'))).rejects.toMatchObject({
    // Exit code 1 means a permanent fault: a restart with the same settings would fail again.
    exitCode: 1,
    message: expect.stringContaining(`the id twice is in use by another running node at 127.0.0.1:${first.port}`),
  })
  expect(await holderOf('twice')).toBe(holder)
  expect(await first.stop()).toBe(0)
})

test('a node that was killed can start again with the same node id', async () => {
  const first = await startNodeProcess(optionsFor('killed'))
  await first.kill()
  const second = await startNodeProcess(optionsFor('killed'))
  expect(await second.stop()).toBe(0)
})

test('a node that stops gracefully has removed its node id from Redis when it exits', async () => {
  const first = await startNodeProcess(optionsFor('left'))
  await first.stop()
  expect(await holderOf('left')).toBe(null)
})

test('a suspended node exits with code 1 when it resumes if another node has its node id by then', async () => {
  const stopped = await startNodeProcess(optionsFor('stopped'))
  stopped.signal('SIGSTOP')
  atEnd(() => stopped.signal('SIGCONT'))
  const successor = await startNodeProcess(optionsFor('stopped'))
  const holder = await holderOf('stopped')
  stopped.signal('SIGCONT')
  expect(await stopped.ended()).toBe(1)
  expect(await holderOf('stopped')).toBe(holder)
  expect(await successor.stop()).toBe(0)
})
