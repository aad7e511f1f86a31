import { beforeAll, expect, test, vi } from 'vitest'
import type { Receipt } from '../../gateway/cluster/receipt.ts'
import { RedisLink } from '../../gateway/redis/redis-link.ts'
import { RevocationStore } from '../../gateway/revocation/revocation-store.ts'
import { Revocations } from '../../gateway/revocation/revocations.ts'
import { atEnd } from '../kit/cleanup.ts'
import { clusterView } from '../kit/cluster-view.ts'
import { documentedAcl } from '../kit/documented-acl.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { foundEpoch, startRevocationService, type TestService } from '../kit/node-cluster.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { RedisRelay } from '../kit/redis-relay.ts'
import { compactJws, signingKey } from '../kit/signing-key.ts'

// When Redis rejects a command, a revocation fails with the error code of Redis, and no part of the revocation is
// written.

const issuer = rulesFor('https://main.example')
const revocation = { kind: 'subject', id: 'alice' } as const

let port: number
let link: RedisLink
let relay: RedisRelay
let service: TestService

beforeAll(async () => {
  ;({ port } = await testRedis())
  link = await testLink(redisSettingsFor(port))
  await foundEpoch(link)
  relay = await RedisRelay.start(port)
  service = await startRevocationService({ issuers: [issuer], link: await testLink(redisSettingsFor(relay.port)) })
  await service.revoke({ ...revocation, id: 'first' })
})

/**
 * Reads all data that a revocation writes: the length of the event log, and the revocation buckets with their lengths.
 */
async function written(): Promise<unknown> {
  const { events, revocationBuckets } = link.keys
  const buckets = (await link.store.call('ZRANGE', revocationBuckets, 0, -1)) as string[]
  const lengths = await Promise.all(buckets.map((bucket) => link.store.call('STRLEN', bucket)))
  return { log: await link.store.call('XLEN', events), buckets, lengths }
}

async function expectFailure(code: string, at: TestService = service): Promise<void> {
  const before = await written()
  await expect(at.revoke(revocation)).rejects.toMatchObject({ reason: 'store-unavailable', redisCode: code })
  expect(await written()).toEqual(before)
}

async function expectSuccess(): Promise<void> {
  await expect
    .poll(
      () =>
        service.revoke(revocation).then(
          () => 'done',
          (error) => String(error),
        ),
      { timeout: 30_000 },
    )
    .toBe('done')
}

test('a revocation sent to a Redis replica fails with the Redis error code READONLY and writes nothing', async () => {
  await link.store.call('REPLICAOF', '127.0.0.1', '1')
  try {
    await expectFailure('READONLY')
  } finally {
    await link.store.call('REPLICAOF', 'NO', 'ONE')
  }
  await expectSuccess()
})

test.each([
  ['LOADING', '-LOADING Redis is loading the dataset in memory'],
  ['CLUSTERDOWN', '-CLUSTERDOWN The cluster is down'],
  ['NOREPLICAS', '-NOREPLICAS Not enough good replicas to write.'],
  ['OOM', "-OOM command not allowed when used memory > 'maxmemory'."],
])(
  'when Redis replies with the error %s, a revocation fails with this error code; a later revocation succeeds',
  async (code, line) => {
    relay.replace(line)
    await expect(service.revoke(revocation)).rejects.toMatchObject({ reason: 'store-unavailable', redisCode: code })
    await expectSuccess()
  },
)

test.each(['append', 'xadd', 'zadd', 'expireat', 'hget'])(
  'a revocation by a Redis user without the ACL permission +%s fails with NOPERM and writes nothing',
  async (command) => {
    await link.store.call('ACL', 'SETUSER', 'gate', 'on', '>secret', '~gh:*', '&gh:*', '+@all', `-${command}`)
    const settings = redisSettingsFor(port, { username: 'gate', password: 'secret' })
    const narrow = new RedisLink(settings, () => undefined)
    atEnd(() => narrow.close())
    const limited = await startRevocationService({ issuers: [issuer], link: narrow })
    await expectFailure('NOPERM', limited)
  },
)

test('the revocation service rejects a malformed revocation as malformed and writes nothing, also while Redis rejects commands', async () => {
  const before = await written()
  relay.replace('-LOADING Redis is loading the dataset in memory')
  await expect(service.revoke({ kind: 'subject', id: 'a\nb' })).rejects.toMatchObject({ code: 'revocation_malformed' })
  expect(await written()).toEqual(before)
  await expectSuccess()
})

// Attack case S-150, least privilege: a stolen Redis password of a node gives no access to keys outside the prefix of
// Gatehouse, and no permission to delete all data or to change the configuration.
const notPermitted = [
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'SET', 'appendonly', 'no'],
  ['KEYS', '*'],
  ['ACL', 'LIST'],
  ['SHUTDOWN', 'NOSAVE'],
  ['REPLICAOF', '127.0.0.1', '1'],
  ['MODULE', 'LIST'],
  ['MONITOR'],
  ['HGET', 'other', 'field'],
  ['PUBLISH', 'other', 'x'],
  ['EVAL', "return redis.call('KEYS', '*')", '0'],
  ['EVAL', "return redis.call('HGET', 'other', 'field')", '1', 'gh:x'],
] as const

test.each(notPermitted.map((words) => ({ words, line: words.join(' ') })))(
  'S-150 the documented Redis ACL of a node does not permit the command `$line`',
  async ({ words: [command, ...parts] }) => {
    await link.store.call('ACL', 'SETUSER', 'least', 'on', '>secret', ...documentedAcl())
    const own = await testLink(redisSettingsFor(port, { username: 'least', password: 'secret' }))

    await expect(own.store.call(command, ...parts)).rejects.toThrow(/NOPERM|ACL failure/)
  },
)

test('a node whose Redis user has the ACL of docs/guide/redis.md can join the cluster and revoke credentials', async () => {
  await link.store.call('ACL', 'SETUSER', 'member', 'on', '>secret', ...documentedAcl())
  await link.store.call('ACL', 'LOG', 'RESET')
  const own = await testLink(redisSettingsFor(port, { username: 'member', password: 'secret' }))
  const cluster = await clusterView(own, { id: 'member' })
  cluster.register(
    new Revocations({
      store: new RevocationStore(own.client('receipt', 'snapshots'), own.keys),
      freshness: cluster.freshness,
      maxStalenessMs: 1000,
      nowMs: () => cluster.agreedMs,
    }),
  )
  cluster.start()
  await expect.poll(() => cluster.caughtUp).toBe(true)
  const member = await startRevocationService({ issuers: [issuer], link: own })
  const receipt = await member.revoke(revocation, { durable: true })
  expect(receipt.acknowledged.map(({ node }) => node)).toEqual(['member'])
  expect((await cluster.list()).map(({ id }) => id)).toEqual(['member'])
  await cluster.close()
  expect(await link.store.call('ACL', 'LOG')).toEqual([])
})

test('a revocation receipt waits at most 5 minutes for a member whose max_staleness is one hour', async () => {
  const { members, memberFacts } = link.keys
  await link.store.call('ZADD', members, Date.now() + 3_600_000, 'patient')
  await link.store.call('HSET', memberFacts, 'patient', JSON.stringify({ id: 'patient', bound_ms: 3_600_000 }))
  const waiting = await startRevocationService({ issuers: [issuer], link })
  const entries = async () => Number(await link.store.call('XLEN', link.keys.events))
  const before = await entries()
  const realTimeout = setTimeout
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    let receipt: Receipt | undefined
    const done = waiting.revoke(revocation).then((given) => {
      receipt = given
    })
    // Wait until the event is written and no call to Redis is pending. Each pending call has one timer, so the number
    // of timers is then constant. Services of earlier tests have a constant number of timers.
    let timers = 0
    for (let same = 0; (await entries()) === before || same < 40; ) {
      await new Promise((resolve) => realTimeout(resolve, 25))
      same = vi.getTimerCount() === timers ? same + 1 : 0
      timers = vi.getTimerCount()
    }
    await vi.advanceTimersByTimeAsync(299_000)
    expect(receipt).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1000)
    await done
    expect(receipt).toMatchObject({ missing: ['patient'], max_staleness_ms: 3_600_000 })
  } finally {
    vi.useRealTimers()
    await link.store.call('ZREM', members, 'patient')
  }
})

test('a revocation without a connection to Redis fails with DISCONNECTED and writes nothing', async () => {
  const disconnected = new RedisLink(redisSettingsFor(1), () => undefined)
  atEnd(() => disconnected.close())
  const before = await written()
  const unconnected = await startRevocationService({ issuers: [issuer], link: disconnected, hashKeysFrom: link })
  await expect(unconnected.revoke(revocation)).rejects.toMatchObject({
    reason: 'store-unavailable',
    redisCode: 'DISCONNECTED',
  })
  expect(await written()).toEqual(before)
})

test.each([
  { kind: 'jti', id: 'a' },
  {
    kind: 'token',
    token: compactJws(
      { alg: 'ES256' },
      { iss: issuer.issuer, exp: Math.floor(Date.now() / 1000) + 60 },
      signingKey('ES256'),
    ),
  },
] as const)(
  'when revocation.max_entries is reached, a revocation by $kind is rejected and writes nothing',
  async (single) => {
    const full = await startRevocationService({ issuers: [issuer], link, maxEntries: 0 })
    const before = await written()
    await expect(full.revoke(single)).rejects.toMatchObject({ code: 'revocations_full' })
    expect(await written()).toEqual(before)
  },
)

test.each([
  { kind: 'session', id: 'a' },
  { kind: 'session', ids: ['a'], issuer: issuer.issuer, endsAtS: Math.floor(Date.now() / 1000) + 60 },
  revocation,
  { kind: 'client', id: 'a' },
  { kind: 'issuer', issuer: issuer.issuer, beforeS: 1 },
] as const)('when revocation.max_entries is reached, the revocation %j is still written', async (wide) => {
  const full = await startRevocationService({ issuers: [issuer], link, maxEntries: 0 })
  const before = await written()
  await full.revoke(wide)
  expect(await written()).not.toEqual(before)
})
