import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { noRevocationLookup } from '../../../gateway/oauth/token-facts.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import type { Session } from '../../../gateway/sessions/session.ts'
import { issuerName, type SessionCursor, type SessionIndex } from '../../../gateway/sessions/session-index.ts'
import { SessionStore } from '../../../gateway/sessions/session-store.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

// The list of all sessions of an issuer: its order, its pages, its number, and when an entry ends.

let link: RedisLink
let store: SessionStore
let index: SessionIndex

beforeAll(async () => {
  link = await testLink(redisSettingsFor((await testRedis()).port))
  store = new SessionStore(link.store, link.keys, new Sealer([{ id: 'k', secret: randomBytes(32) }]))
  index = store.index
})

const newId = () => randomBytes(16).toString('hex')
const newIssuer = () => `https://${newId()}.test`
const keyOf = (issuer: string) => link.keys.sessionsAt(issuerName(issuer))

function aSession(issuer: string, more: Partial<Session> = {}): Session {
  const nowS = Math.floor(Date.now() / 1000)
  const tokens = { accessToken: 'a', refreshToken: 'r', idToken: undefined, accessExpiresAtS: nowS + 300 }
  return {
    id: newId(),
    version: 1,
    revocation: noRevocationLookup(),
    issuer,
    subject: 'alice',
    providerSid: undefined,
    acr: undefined,
    authTimeS: undefined,
    claims: {},
    device: { id: newId(), address: '192.0.2.7', userAgent: 'a browser' },
    lifetime: { idleMs: 600_000, absoluteMs: 6_000_000 },
    createdAtS: nowS,
    endsAtS: nowS + 6000,
    tokens: { ...tokens, scope: undefined },
    ...more,
  }
}

async function add(session: Session): Promise<void> {
  index.add(session)
  await index.flush()
}

async function pagesOf(issuers: readonly string[], limit: number): Promise<(readonly string[])[]> {
  const pages: (readonly string[])[] = []
  let after: SessionCursor | undefined
  do {
    const { ids, next } = await index.page(issuers, limit, after)
    pages.push(ids)
    after = next
  } while (after !== undefined)
  return pages
}

test('the pages of the session list contain every session of the issuers once, also if more sessions than fit on a page end in the same millisecond', async () => {
  const issuers = [newIssuer(), newIssuer(), newIssuer()]
  const endMs = Date.now() + 600_000
  const ids = Array.from({ length: 7 }, newId)
  for (const id of ids) await link.store.call('ZADD', keyOf(issuers[0]!), endMs, id)
  const others = [aSession(issuers[2]!), aSession(issuers[2]!)]
  for (const other of others) await add(other)

  const pages = await pagesOf(issuers, 3)

  expect(pages.map(({ length }) => length)).toEqual([3, 3, 3])
  expect(pages.flat().toSorted()).toEqual([...ids, ...others.map(({ id }) => id)].toSorted())
})

test('the next page of the session list starts at the right session although the last session of the page before was removed', async () => {
  const issuer = newIssuer()
  const endMs = Date.now() + 600_000
  const ids = Array.from({ length: 9 }, newId).toSorted()
  for (const id of ids) await link.store.call('ZADD', keyOf(issuer), endMs, id)
  await link.store.call('ZADD', keyOf(issuer), Date.now() - 1000, newId())
  const name = issuerName(issuer)

  for (const [i, id] of ids.entries()) {
    await link.store.call('ZREM', keyOf(issuer), id)
    expect((await index.page([issuer], 100, { issuer: name, endMs, id })).ids).toEqual(ids.slice(i + 1))
    await link.store.call('ZADD', keyOf(issuer), endMs, id)
  }
  expect((await index.page([issuer], 100, { issuer: name, endMs: 1, id: ids[8]! })).ids).toEqual(ids)
  expect((await index.page([issuer], 100, { issuer: name, endMs: endMs + 1, id: ids[0]! })).ids).toEqual([])
})

test('all new entries of the session list are written, also if they are more than one Redis command takes', async () => {
  const [issuer, other] = [newIssuer(), newIssuer()]
  for (let i = 0; i < 1201; i++) index.add(aSession(issuer))
  index.add(aSession(other))
  await until('all entries are written', async () => (await index.count(issuer)) === 1201)
  await until('the entry of the other issuer is written', async () => (await index.count(other)) === 1)
})

test('a page of the session list that ends with the last session names no next page', async () => {
  const issuer = newIssuer()
  for (let i = 0; i < 4; i++) await add(aSession(issuer))
  expect((await pagesOf([issuer], 2)).map(({ length }) => length)).toEqual([2, 2])
})

test('a session that is used between two pages of the session list is on a later page', async () => {
  const issuer = newIssuer()
  const sessions = [1, 2, 3].map((i) => aSession(issuer, { lifetime: { idleMs: i * 100_000, absoluteMs: 6_000_000 } }))
  for (const session of sessions) await add(session)
  const [first, second, third] = sessions.map(({ id }) => id)

  const { ids, next } = await index.page([issuer], 1, undefined)
  await add({ ...sessions[1]!, lifetime: { idleMs: 900_000, absoluteMs: 6_000_000 } })

  expect(ids).toEqual([first])
  expect((await index.page([issuer], 5, next)).ids).toEqual([third, second])
})

test('the number of sessions includes a session until its idle time-out or absolute end, and the next new session removes its entry', async () => {
  const issuer = newIssuer()
  const ended = newId()
  await link.store.call('ZADD', keyOf(issuer), Date.now() - 1, ended)
  expect(await index.count(issuer)).toBe(0)

  const session = aSession(issuer, { endsAtS: Math.floor(Date.now() / 1000) + 60 })
  await add(session)

  expect(await index.count(issuer)).toBe(1)
  expect(await link.store.call('ZRANGE', keyOf(issuer), 0, -1)).toEqual([session.id])
  expect(await link.store.call('ZSCORE', keyOf(issuer), session.id)).toBe(String(session.endsAtS * 1000))
  expect(Number(await link.store.call('PTTL', keyOf(issuer)))).toBeGreaterThan(0)
})

test('trimming the session list removes the entries of ended sessions, without a login or a use of a session', async () => {
  const issuer = newIssuer()
  const key = keyOf(issuer)
  await index.trim(issuer)
  const ended = Array.from({ length: 2500 }, () => [Date.now() - 1, newId()]).flat()
  await link.store.call('ZADD', key, ...ended, Date.now() + 600_000, newId())
  await index.trim(issuer)
  expect(await link.store.call('ZCARD', key)).toBe(1)
  expect(await index.count(issuer)).toBe(1)
  await link.store.call('ZADD', key, 'XX', 1, ((await link.store.call('ZRANGE', key, 0, 0)) as string[])[0]!)
  await index.trim(issuer)
  expect(await link.store.call('EXISTS', key)).toBe(0)
})

test('a session that is removed through the list of its subject, device or sid disappears from the list of all sessions too', async () => {
  const session = aSession(newIssuer())
  await store.create(session, Date.now())
  await add(session)
  expect(await index.count(session.issuer)).toBe(1)
  index.add(session)

  await store.remove(session)
  await index.flush()

  expect(await index.count(session.issuer)).toBe(0)
})
