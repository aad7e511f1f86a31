// S-087, S-095, S-104: a change to a session at one node applies at every node. Some tests run while the issuer or
// Redis is unavailable.

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { Sealer } from '../../gateway/base/sealer.ts'
import { noRevocationLookup } from '../../gateway/oauth/token-facts.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { CookieValues } from '../../gateway/sessions/cookie-value.ts'
import type { SessionTokens } from '../../gateway/sessions/session.ts'
import { SessionStore } from '../../gateway/sessions/session-store.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { type RefreshProvider, startRefreshProvider } from '../kit/refresh-provider.ts'
import {
  encryptionKey,
  loginOf,
  type SessionNode,
  sessionPolicy,
  sessionSecrets,
  sessionSettings,
  startSessionNodes,
} from '../kit/session-node.ts'
import { until } from '../kit/until.ts'
import { startWorker } from '../kit/worker.ts'

const key = encryptionKey('k')
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-sessions-'))

let provider: RefreshProvider
let redis: Awaited<ReturnType<typeof testRedis>>
let link: RedisLink
let nodes: SessionNode[]
let one: SessionNode
let two: SessionNode

beforeAll(async () => {
  provider = await startRefreshProvider()
  redis = await testRedis({ folder, appendOnly: true })
  link = await testLink(redisSettingsFor(redis.port))
  nodes = await startSessionNodes({ nodes: 2, provider, redisPort: redis.port, keys: [key] })
  ;[one, two] = nodes as [SessionNode, SessionNode]
})

async function useAtAll(cookie: string): Promise<string[]> {
  const uses = (await Promise.all(nodes.map((node) => node.use(cookie)))).flat()
  return uses.map((use) => (typeof use === 'string' ? use : 'session'))
}

const leftMs = ({ tokens }: { readonly tokens: SessionTokens }) => tokens.accessExpiresAtS! * 1000 - Date.now()

test('a session created at one node works at another, and Redis contains no token, cookie or personal data of the session in clear text', async () => {
  const login = await loginOf(provider, { subject: 'dumped-subject', claims: { email: 'dumped@example' } })
  const { cookie, session } = await one.create(login)
  expect(await useAtAll(cookie)).toEqual(['session', 'session'])

  const dump = await dumpOf(link)
  const secrets = [cookie, cookie.split('.')[0]!, login.tokens.accessToken, login.tokens.refreshToken!, key.secret]
  for (const secret of [...secrets, 'dumped-subject', 'dumped@example', '192.0.2.7']) expect(dump).not.toContain(secret)
  expect(dump).toContain(session.id)
})

/** Returns every Redis key with its value, serialised as Redis writes it to disk. */
async function dumpOf({ store }: RedisLink): Promise<string> {
  const keys = (await store.call('KEYS', '*')) as string[]
  const values = await Promise.all(keys.map((each) => store.callBuffer('DUMP', each) as Promise<Buffer>))
  return keys.join('\n') + Buffer.concat(values).toString('latin1')
}

test.each([
  ['set to arbitrary text', () => 'garbage'],
  ['changed in one character', (cookie: string) => `${cookie.slice(0, -1)}${cookie.endsWith('0') ? '1' : '0'}`],
  ['replaced by the session id', (_: string, id: string) => id],
  ['replaced by the session id in the form of a cookie', (_: string, id: string) => `${id.padEnd(43, 'A')}.${id}`],
  ['empty', () => ''],
])(
  'S-095: a session cookie whose value is %s gives no session, and the valid cookie still works',
  async (_name, broken) => {
    const { cookie, session } = await one.create(await loginOf(provider))

    expect(await useAtAll(broken(cookie, session.id))).toEqual(['none', 'none'])
    expect(await useAtAll(cookie)).toEqual(['session', 'session'])
  },
)

test('S-087: a session that replaces another has a new id and cookie, and every node rejects the old session', async () => {
  const { cookie: old, session } = await one.create(await loginOf(provider))
  expect(await useAtAll(old)).toEqual(['session', 'session'])
  const { cookie, session: next } = await one.replace(old, await loginOf(provider, { acr: 'mfa' }))

  expect([cookie, next.id]).not.toContainEqual(expect.stringMatching(`^(${old}|${session.id})$`))
  expect(await one.use(old)).toEqual(['none'])
  await until('the other node rejects the old session', async () => (await two.use(old))[0] === 'none')
  expect(await useAtAll(old)).toEqual(['none', 'none'])
  expect(await useAtAll(cookie)).toEqual(['session', 'session'])
})

test.each(['session', 'device', 'subject'] as const)(
  'a node lists and ends a session selected by %s; every node acknowledges this and rejects only this session',
  async (by) => {
    const subject = `ended-by-${by}`
    const mine = await one.create(await loginOf(provider, { subject }))
    const others = await one.create(await loginOf(provider, { subject: 'somebody-else' }))
    await useAtAll(mine.cookie)
    await useAtAll(others.cookie)
    const { id, issuer, device } = mine.session
    const selector = { session: { session: id }, device: { device: device.id }, subject: { subject, issuer } }[by]

    const [listed, ...rest] = await two.list(selector)
    expect(rest).toEqual([])
    expect(listed).toMatchObject({ id, subject, device: { address: '192.0.2.7', userAgent: 'Mozilla/5.0 (test)' } })
    const { ended, receipt } = await two.end(selector)
    expect(ended).toEqual([id])
    expect(receipt).toMatchObject({ missing: [], acknowledged: [{}, {}] })
    expect(await useAtAll(mine.cookie)).toEqual(['none', 'none'])
    expect(await useAtAll(others.cookie)).toEqual(['session', 'session'])
    expect(await two.list(selector)).toEqual([])
  },
)

test('ending the sessions of a device without sessions creates no receipt, and ending an unknown session id creates a revocation for the id', async () => {
  expect(await one.end({ device: '0'.repeat(32) })).toEqual({ ended: [] })
  expect(await one.end({ session: '0'.repeat(32) })).toMatchObject({ ended: [], receipt: { missing: [] } })
})

/** Creates a session that only the memory of the first node contains: its Redis record is deleted. */
async function lostRecord(subject: string) {
  const opened = await one.create(await loginOf(provider, { subject }))
  await link.store.call('DEL', link.keys.session(opened.session.id))
  expect(await one.use(opened.cookie)).toMatchObject([{ id: opened.session.id }])
  return opened
}

test.each(['session', 'device', 'subject'] as const)(
  'ending sessions by %s ends a session whose Redis record is lost, even at a node that caches the session',
  async (by) => {
    const { cookie, session } = await lostRecord(`lost-${by}`)
    const { id, issuer, subject, device } = session
    const selector = { session: { session: id }, device: { device: device.id }, subject: { subject, issuer } }[by]

    const { receipt } = await two.end(selector)

    expect(receipt).toMatchObject({ missing: [], acknowledged: [{}, {}] })
    expect(await useAtAll(cookie)).toEqual(['none', 'none'])
  },
)

test('ending the sessions of a subject ends a session at the node that caches it, although Redis has lost the session record and the list of sessions of the subject', async () => {
  const { cookie, session } = await lostRecord('lost-list')
  const { issuer, subject } = session
  const lists = (await link.store.call('KEYS', 'gh:{[ud]:*')) as string[]
  for (const list of lists) await link.store.call('DEL', list)

  expect(await one.end({ subject, issuer })).toMatchObject({ ended: [session.id] })
  expect(await useAtAll(cookie)).toEqual(['none', 'none'])
})

test('after a new session replaces a session whose Redis record is lost, the node that caches the old session rejects its cookie', async () => {
  const { cookie: old } = await lostRecord('lost-replaced')

  const { cookie } = await two.replace(old, await loginOf(provider, { subject: 'lost-replaced', acr: 'mfa' }))

  await until('the first node rejects the replaced session', async () => (await one.use(old))[0] === 'none')
  expect(await useAtAll(cookie)).toEqual(['session', 'session'])
})

test('a login above the session limit ends the surplus session at a node that caches it, even if its Redis record is lost', async () => {
  const lifetime = { idleMs: 1_800_000, absoluteMs: 3_600_000 }
  const first = await one.create(await loginOf(provider, { subject: 'surplus', lifetime }))
  const login = await loginOf(provider, { subject: 'surplus' })
  for (let i = 0; i < 99; i++) await two.create(login)
  await link.store.call('DEL', link.keys.session(first.session.id))
  expect(await one.use(first.cookie)).toMatchObject([{ id: first.session.id }])

  await two.create(login)

  await until('the first node rejects the surplus session', async () => (await one.use(first.cookie))[0] === 'none')
})

test('ending the sessions of a subject also ends, at every node, a session that a node whose clock is 2 minutes fast created', async () => {
  const sealer = new Sealer([{ id: key.id, secret: Buffer.from(key.secret, 'base64url') }])
  const store = new SessionStore(link.store, link.keys, sealer)
  const { session } = await one.create(await loginOf(provider, { subject: 'ahead' }))
  const { id, value } = new CookieValues(sealer).mint()
  const ahead = { ...session, id, createdAtS: session.createdAtS + 120, revocation: noRevocationLookup() }
  await store.create(ahead, Date.now())
  expect(await useAtAll(value)).toEqual(['session', 'session'])

  const { issuer, subject } = session
  expect([...(await two.end({ subject, issuer })).ended].sort()).toEqual([id, session.id].sort())

  expect(await useAtAll(value)).toEqual(['none', 'none'])
})

test('a session without a refresh token ends when its access token expires', async () => {
  const login = await loginOf(provider, { leftS: 8 })
  const { cookie } = await one.create({ ...login, tokens: { ...login.tokens, refreshToken: undefined } })
  expect(await useAtAll(cookie)).toEqual(['session', 'session'])
  await sleep(leftMs(login))

  expect(await one.use(cookie)).toEqual(['over'])
  expect(await useAtAll(cookie)).not.toContain('session')
})

test('while the issuer is down, a session works until its access token expires, then requests get `refresh-unavailable`, and the session works again when the issuer is back', async () => {
  provider.down = true
  const login = await loginOf(provider, { leftS: 3 })
  const { cookie } = await one.create(login)
  for (;;) {
    const used = await one.use(cookie)
    if (leftMs(login) <= 0) break
    expect(used).toMatchObject([{ version: 1 }])
    await sleep(100)
  }
  expect(await useAtAll(cookie)).toEqual(['refresh-unavailable', 'refresh-unavailable'])
  provider.down = false

  // A failed refresh is cached for a short time, so the session recovers after a delay.
  await expect.poll(() => useAtAll(cookie)).toEqual(['session', 'session'])
})

test('when the issuer rejects the refresh of a session, the session ends at every node', async () => {
  const login = await loginOf(provider, { leftS: 0 })
  const tokens = { ...login.tokens, refreshToken: 'never-given' }
  const { cookie } = await one.create({ ...login, tokens })

  expect(await two.use(cookie)).toEqual(['over'])
  expect(await useAtAll(cookie)).toEqual(['none', 'none'])
})

test('a worker refreshes an active session once, before its access token expires', async () => {
  const worker = await startWorker({
    policy: sessionPolicy(provider),
    settings: { ...sessionSettings(redis.port, 'gh:', [key]), log: { access: false } },
    env: sessionSecrets([key]),
  })
  const { cookie } = await one.create(await loginOf(provider, { leftS: 30 }))
  const before = { ...provider.calls }
  const versions = new Set<unknown>()
  while (versions.size < 2) {
    await sleep(200)
    for (const use of await one.use(cookie)) versions.add(typeof use === 'string' ? use : use.version)
  }

  expect([...versions]).toEqual([1, 2])
  await worker.waitForLine(({ msg }) => msg === 'job done')
  expect(worker.done).toEqual(['refreshed'])
  expect(provider.calls.granted).toBe(before.granted + 1)
  await worker.kill()
})

test('while Redis is unavailable, a node admits cached sessions with valid tokens and no others; afterwards all sessions work', async () => {
  const held = await one.create(await loginOf(provider))
  const ending = await one.create(await loginOf(provider, { leftS: 1 }))
  await sleep(1100)
  await redis.stop()

  expect(await one.use(held.cookie)).toMatchObject([{ version: 1 }])
  expect(await two.useNow(held.cookie)).toEqual(['store-unavailable'])
  expect(await one.useNow(ending.cookie)).toEqual(['store-unavailable'])
  await testRedis({ folder, port: redis.port, appendOnly: true })

  expect(await useAtAll(held.cookie)).toEqual(['session', 'session'])
  expect(await one.use(ending.cookie)).toMatchObject([{ version: 2 }])
})
