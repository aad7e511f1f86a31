// Renewal of a credential that a service refused: at most once per credential and 30 s in the cluster.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { Renewals, type RenewedCredential } from '../../../gateway/credentials/renewals.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

const link = await testLink(redisSettingsFor((await testRedis()).port))
const secret = randomBytes(32)
const patienceMs = 30_000
let nowMs = 0

/** The renewals of one node. All nodes have the same encryption key. */
const node = () => new Renewals({ redis: link, sealer: new Sealer([{ id: 'k', secret }]), now: () => nowMs })
const id = () => randomBytes(32).toString('hex')
const newer = (value: string): RenewedCredential => ({ value, sinceMs: 1, untilMs: 2 })

test('when a service refuses a credential, one of several nodes renews it, and the other nodes get the new credential encrypted from Redis', async () => {
  const name = id()
  let renewed = 0
  const gate = Promise.withResolvers<void>()
  const renew = async () => {
    renewed++
    await gate.promise
    return newer('Bearer two')
  }
  const asked = [node(), node(), node()].flatMap((each) =>
    [1, 2].map(() => each.newer(name, 'Bearer one', patienceMs, renew)),
  )
  gate.resolve()

  expect(await Promise.all(asked)).toEqual(asked.map(() => newer('Bearer two')))
  expect(renewed).toBe(1)
  const key = link.keys.renewal(name)
  expect(String(await link.store.call('GET', key))).not.toContain('Bearer')
  const leftMs = Number(await link.store.call('PTTL', key))
  expect(leftMs).toBeGreaterThan(0)
  expect(leftMs).toBeLessThanOrEqual(30_000)
})

test('if a service refuses a credential that was just renewed, the gate does not renew the credential again', async () => {
  const name = id()
  const renewals = node()
  await renewals.newer(name, 'Bearer one', patienceMs, async () => newer('Bearer two'))

  expect(
    await renewals.newer(name, 'Bearer two', patienceMs, () => Promise.reject(new Error('not called'))),
  ).toBeUndefined()
  expect(
    await node().newer(name, 'Bearer two', patienceMs, () => Promise.reject(new Error('not called'))),
  ).toBeUndefined()
})

test('30 s after a renewal, a node renews a refused credential again, unless another node has renewed it meanwhile', async () => {
  const name = id()
  const renewals = node()
  await renewals.newer(name, 'Bearer one', patienceMs, async () => newer('Bearer two'))
  await link.store.call('DEL', link.keys.renewal(name))

  nowMs += 29_999
  expect(await renewals.newer(name, 'Bearer two', patienceMs, async () => newer('Bearer three'))).toBeUndefined()
  nowMs += 1
  expect(await renewals.newer(name, 'Bearer two', patienceMs, async () => newer('Bearer three'))).toEqual(
    newer('Bearer three'),
  )
})

test('no other node repeats a failed renewal of a credential within 30 s', async () => {
  const name = id()

  expect(
    await node().newer(name, 'Bearer one', patienceMs, () => Promise.reject(new Error('issuer down'))),
  ).toBeUndefined()
  // The claim of the first node stays empty: with no patience left, the second node gives up.
  expect(await node().newer(name, 'Bearer one', 0, async () => newer('Bearer two'))).toBeUndefined()
})

test('a node ignores a renewed credential in Redis that none of its encryption keys decrypts', async () => {
  const name = id()
  await link.store.call('SET', link.keys.renewal(name), 'forged', 'PX', 30_000)

  expect(await node().newer(name, 'Bearer one', patienceMs, async () => newer('Bearer two'))).toBeUndefined()
})

test('a node ignores a renewed credential that an attacker copied in Redis from another credential', async () => {
  const [mine, other] = [id(), id()]
  await node().newer(mine, 'Bearer one', patienceMs, async () => newer('Bearer of mine'))
  await link.store.call('COPY', link.keys.renewal(mine), link.keys.renewal(other))

  expect(await node().newer(other, 'Bearer one', patienceMs, async () => newer('Bearer of other'))).toBeUndefined()
})

test.each([
  { end: 'no end', words: [] },
  { end: 'a later end than nodes set', words: ['PX', 3_600_000] },
])('a renewal lock in Redis with $end does not prevent the renewal of a credential', async ({ words }) => {
  const name = id()
  await link.store.call('SET', link.keys.renewal(name), '', ...words)

  expect(await node().newer(name, 'Bearer one', patienceMs, async () => newer('Bearer two'))).toEqual(
    newer('Bearer two'),
  )
})

test('a node without Redis renews a credential that a service refuses by itself', async () => {
  const renewals = new Renewals({ redis: undefined, sealer: new Sealer([{ id: 'k', secret }]), now: () => nowMs })

  expect(await renewals.newer(id(), 'Bearer one', patienceMs, async () => newer('Bearer two'))).toEqual(
    newer('Bearer two'),
  )
})
