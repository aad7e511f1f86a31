import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import type { NewSession, Session } from '../../../gateway/sessions/session.ts'
import { Sessions } from '../../../gateway/sessions/sessions.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// Cookies by which several hosts share one session, on nodes that share one Redis.

const [shop, wiki, auth] = ['shop', 'wiki', 'auth'].map((name) => `https://${name}.gate.test`) as [
  string,
  string,
  string,
]
const keys = ['old', 'new'].map((id) => ({ id, secret: randomBytes(32) })) as [Key, Key]
type Key = { readonly id: string; readonly secret: Buffer }

const { port } = await testRedis()
const link = await testLink(redisSettingsFor(port))
const ended = new Set<string>()

/** A node that encrypts with the first of the keys. */
function nodeWith(...[first, ...others]: [Key, ...Key[]]): Sessions {
  const sessions = new Sessions({
    link,
    sealer: new Sealer([first, ...others]),
    cacheEntries: 100,
    ended: ({ id }: Session) => ended.has(id),
    revoked: (id: string) => ended.has(id),
    absoluteMs: () => 600_000,
    lastEventMs: () => Date.now(),
    revoke: () => Promise.reject(new Error('nothing is revoked here')),
    refreshQueue: { add: () => {} },
    trade: () => Promise.reject(new Error('nothing is refreshed here')),
    askClaims: () => Promise.reject(new Error('no claims are renewed here')),
    log: () => {},
  } as ConstructorParameters<typeof Sessions>[0])
  atEnd(() => sessions.close())
  return sessions
}

const [node, other] = [nodeWith(keys[0]), nodeWith(keys[0])]

async function login(origin: string | undefined, at = node) {
  const input: NewSession = {
    issuer: 'https://idp.test',
    subject: randomBytes(4).toString('hex'),
    providerSid: undefined,
    acr: undefined,
    authTimeS: undefined,
    claims: {},
    device: { address: '192.0.2.7', userAgent: 'a browser' },
    lifetime: { idleMs: 60_000, absoluteMs: 600_000 },
    begunAfterMs: Date.now(),
    ...(origin !== undefined && { origin }),
    tokens: {
      accessToken: 'a',
      refreshToken: undefined,
      idToken: undefined,
      accessExpiresAtS: undefined,
      scope: undefined,
    },
  }
  const opened = await at.create(input)
  if (opened === 'logged-out') throw new Error('the new session was refused')
  return opened
}

const idAt = async (at: Sessions, cookie: string, origin: string) => (await at.find(cookie, origin))?.id

test('S-157 each host cookie of a session opens the session at its own host on every node, and at no other host', async () => {
  const { cookie, session } = await login(auth)
  const values = {
    [auth]: cookie,
    [shop]: (await node.admit(session.id, shop))!.cookie,
    [wiki]: (await other.admit(session.id, wiki))!.cookie,
  }

  for (const [own, value] of Object.entries(values)) {
    for (const origin of [auth, shop, wiki, 'http://shop.gate.test']) {
      for (const at of [node, other, nodeWith(keys[0])]) {
        expect(await idAt(at, value, origin), `${own} at ${origin}`).toBe(origin === own ? session.id : undefined)
      }
    }
  }
})

test('a session without a host, as earlier releases store it, can be used at every host', async () => {
  const { cookie, session } = await login(undefined)

  for (const at of [node, nodeWith(keys[0])]) {
    for (const origin of [auth, shop]) expect(await idAt(at, cookie, origin)).toBe(session.id)
  }
})

test('if ten hosts join a session at the same moment through two nodes, the session has the cookies of all ten', async () => {
  const { session } = await login(auth)
  const origins = Array.from({ length: 10 }, (_, i) => `https://h${i}.gate.test`)

  const opened = await Promise.all(origins.map((origin, i) => (i % 2 === 0 ? node : other).admit(session.id, origin)))

  const third = nodeWith(keys[0])
  for (const [i, origin] of origins.entries()) expect(await idAt(third, opened[i]!.cookie, origin)).toBe(session.id)
})

test('a session accepts the four newest cookies of one host, and 128 cookies in total', async () => {
  const { session } = await login(auth)
  const mine: string[] = []
  for (let i = 0; i < 6; i++) mine.push((await node.admit(session.id, shop))!.cookie)

  const found = async () => Promise.all(mine.map((value) => idAt(nodeWith(keys[0]), value, shop)))
  expect((await found()).map((id) => id !== undefined)).toEqual([false, false, true, true, true, true])
  for (let i = 0; i < 125; i++) await node.admit(session.id, `https://h${i}.gate.test`)
  expect((await found()).map((id) => id !== undefined)).toEqual([false, false, false, true, true, true])
})

test('no host can join an ended or unknown session, and existing host cookies of an ended session open nothing', async () => {
  const { session } = await login(auth)
  const { cookie } = (await node.admit(session.id, shop))!

  ended.add(session.id)
  expect([await idAt(node, cookie, shop), await idAt(other, cookie, shop)]).toEqual([undefined, undefined])
  expect(await node.admit(session.id, wiki)).toBeUndefined()
  expect(await node.admit('0'.repeat(32), wiki)).toBeUndefined()
})

test('the cookie of a host stays valid while the encryption key is rotated, and further hosts can join the session', async () => {
  const { session } = await login(auth)
  const before = (await node.admit(session.id, shop))!.cookie

  const rotated = nodeWith(keys[1], keys[0])
  const after = (await rotated.admit(session.id, wiki))!.cookie
  const between = nodeWith(keys[0], keys[1])
  for (const at of [rotated, between]) {
    expect([await idAt(at, before, shop), await idAt(at, after, wiki)]).toEqual([session.id, session.id])
  }
})

test('a session rejects a list of host cookies that was copied in Redis from another session', async () => {
  const [first, second] = [await login(auth), await login(auth)]
  const { cookie } = (await node.admit(first.session.id, shop))!
  const keyOf = ({ session }: typeof first) => link.keys.session(session.id)
  const list = (await link.store.callBuffer('HGET', keyOf(first), 'h')) as Buffer
  await link.store.call('HSET', keyOf(second), 'h', list, 'n', 1)

  const forged = cookie.replace(first.session.id, second.session.id)
  expect(await idAt(other, forged, shop)).toBeUndefined()
  expect((await node.admit(second.session.id, shop))!.session.id).toBe(second.session.id)
})
