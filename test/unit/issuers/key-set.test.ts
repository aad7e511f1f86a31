import { setTimeout as sleep } from 'node:timers/promises'
// docs/design/contract.md §4, §14: the gate limits how often it fetches the keys of an issuer, uses them while the
// issuer is unavailable, and retires a key that the issuer no longer publishes.

import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { IssuerKeys, type IssuerKeysOptions } from '../../../gateway/issuers/issuer-keys.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { ecKey, LoopbackIssuer, logged, until } from './loopback-issuer.ts'

let server: LoopbackIssuer
let keys: IssuerKeys
let lines: ReturnType<typeof logged>['lines']

function open(options: Partial<IssuerKeysOptions> = {}, rules = {}) {
  const collected = logged()
  lines = collected.lines
  keys = new IssuerKeys({ log: collected.log, ...options })
  const main = rulesOf({ issuer: server.issuer, ...rules })
  return { rules: main, set: keys.keySetOf(main) }
}

beforeEach(async () => {
  server = await LoopbackIssuer.start()
  server.keys = [ecKey('one').jwk]
})
afterEach(async () => {
  await keys.close()
  await server.close()
})

test('the gate fetches the keys of an issuer with one metadata request and one key request', async () => {
  const { set } = open()
  expect(set.candidates('one', 'ES256')).toEqual([])
  expect(await set.refetch()).toBe('succeeded')
  expect(set.candidates('one', 'ES256')).toHaveLength(1)
  expect(server.requests).toEqual(['/.well-known/openid-configuration', '/jwks'])
})

test('when a policy is loaded, the gate fetches the keys of its issuers in advance', async () => {
  const { rules, set } = open()
  keys.retain([rules])
  await until(() => set.candidates('one', 'ES256').length === 1)
  expect(lines).toEqual([{ level: 'info', message: 'issuer keys loaded', fields: { issuer: 'main', keys: ['one'] } }])
})

test('S-058, S-135: 10,000 concurrent callers share one key fetch, and a caller within the cooldown gets its result without another fetch', async () => {
  const { set } = open()
  expect(new Set(await Promise.all(Array.from({ length: 10_000 }, () => set.refetch())))).toEqual(
    new Set(['succeeded']),
  )
  server.keys.push(ecKey('two').jwk)
  expect(await set.refetch()).toBe('succeeded')
  expect(set.candidates('two', 'ES256')).toEqual([])
  expect(server.keyFetches).toBe(1)
})

test('S-058: within the cooldown, the gate does not repeat a failed key fetch, and logs the failure once', async () => {
  server.instead.set('/jwks', (_, response) => response.writeHead(500).end())
  const { rules, set } = open()
  keys.retain([rules])
  expect(await set.refetch()).toBe('failed')
  server.instead.clear()
  expect(await set.refetch()).toBe('failed')
  expect(server.keyFetches).toBe(1)
  expect(lines.map((line) => line.message)).toEqual(['issuer keys cannot be fetched'])
  expect(lines[0]!.fields['error']).toContain('/jwks: status 500')
})

test('issuer keys that cannot be fetched at present are in the list of expiries until a fetch succeeds', async () => {
  const { rules, set } = open({ cooldownMs: 0 }, { keysStaleMs: 3_600_000 })
  keys.retain([rules])
  await until(() => set.status().outcome === 'succeeded')
  const succeededMs = Date.now()
  expect([...keys.expiries()]).toEqual([])

  server.instead.set('/jwks', (_, response) => response.writeHead(500).end())
  await set.refetch()
  const [expiry, ...more] = [...keys.expiries()]
  expect(more).toEqual([])
  expect(expiry).toMatchObject({ kind: 'issuer-keys', name: 'main' })
  expect(Math.abs(expiry!.expiresAtMs - succeededMs - 3_600_000)).toBeLessThan(60_000)

  server.instead.clear()
  expect(await set.refetch()).toBe('succeeded')
  expect([...keys.expiries()]).toEqual([])
})

test('after the cooldown, the gate fetches the keys again and finds a new key of the issuer', async () => {
  const { set } = open({ cooldownMs: 0 })
  await set.refetch()
  server.keys.push(ecKey('two').jwk)
  expect(await set.refetch()).toBe('succeeded')
  expect(set.candidates('two', 'ES256')).toHaveLength(1)
})

test.each(['issuer', 'anyone'] as const)(
  '50 JWTs with a new key of the issuer that arrive within the cooldown share one key fetch, which finds the key (sender of the JWTs: %s)',
  async (sender) => {
    const { set } = open({ cooldownMs: 50 })
    await set.refetch()
    server.keys.push(ecKey('two').jwk)

    const outcomes = await Promise.all(Array.from({ length: 50 }, () => set.refetchFor(sender)))

    expect(new Set(outcomes)).toEqual(new Set(['succeeded']))
    expect(set.candidates('two', 'ES256')).toHaveLength(1)
    expect(server.keyFetches).toBe(2)
  },
)

test('at most 64 JWTs from clients wait for a key fetch, and a JWT from the issuer can still wait and gets the new key', async () => {
  const { set } = open({ cooldownMs: 60_000 })
  await set.refetch()
  for (let i = 0; i < 64; i++) void set.refetchFor('anyone')
  server.keys.push(ecKey('two').jwk)

  expect(await set.refetchFor('anyone')).toBe('succeeded')
  expect(set.candidates('two', 'ES256')).toEqual([])
  expect(await set.refetchFor('issuer')).toBe('succeeded')
  expect(set.candidates('two', 'ES256')).toHaveLength(1)
})

test('within the cooldown of a failed key fetch, a JWT does not wait for another fetch', async () => {
  server.instead.set('/jwks', (_, response) => response.writeHead(500).end())
  const { set } = open({ cooldownMs: 60_000 })
  await set.refetch()

  expect([await set.refetchFor('issuer'), await set.refetchFor('anyone')]).toEqual(['failed', 'failed'])
  expect(server.keyFetches).toBe(1)
})

test("S-112: a refresh of an issuer's keys retires a key that the issuer no longer publishes", async () => {
  const { rules, set } = open({ cooldownMs: 1, refreshMs: 10 })
  keys.retain([rules])
  await until(() => set.candidates('one', 'ES256').length === 1)
  const [one] = set.candidates('one', 'ES256')
  server.keys = [ecKey('two').jwk]
  await until(() => set.candidates('two', 'ES256').length === 1)
  expect(one!.live).toBe(false)
  expect(set.candidates('one', 'ES256')).toEqual([])
})

test('the gate retries to fetch the keys of an issuer that is unavailable at start-up', async () => {
  server.instead.set('/jwks', (_, response) => response.destroy())
  const { rules, set } = open({ cooldownMs: 5 })
  keys.retain([rules])
  await until(() => server.keyFetches >= 2)
  server.instead.clear()
  await until(() => set.candidates('one', 'ES256').length === 1)
  expect(keys.status()[0]).toMatchObject({ issuer: 'main', keys: 1, outcome: 'succeeded', error: undefined })
})

test('while an issuer is unavailable, the time between key fetches without a request grows to retryMs and no further', async () => {
  server.instead.set('/jwks', (_, response) => response.destroy())
  const { rules, set } = open({ cooldownMs: 1, refreshMs: 86_400_000, retryMs: 4 })
  keys.retain([rules])
  // Without the bound, the 20th fetch would be 9 minutes after the first.
  await until(() => server.keyFetches >= 20)
  server.instead.clear()
  await until(() => set.candidates('one', 'ES256').length === 1)
  expect(keys.status()[0]).toMatchObject({ outcome: 'succeeded' })
})

const bad = {
  'a body of 5 MB': (response) => response.end(`{"keys":[],"pad":"${'x'.repeat(5_000_000)}"}`),
  '10,000 keys': (response) => response.end(JSON.stringify({ keys: new Array(10_000).fill({ kty: 'EC' }) })),
  'an endless body': (response) => {
    const timer = setInterval(() => response.write(' '.repeat(100_000)), 1)
    response.on('close', () => clearInterval(timer))
  },
  'a body that stalls': (response) => response.write('{"keys":'),
  'no reply': () => {},
  'a redirect': (response) => response.writeHead(302, { location: `${server.issuer}/elsewhere` }).end(),
  'HTML with 200': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>'),
  'status 204': (response) => response.writeHead(204).end(),
  'status 404': (response) => response.writeHead(404).end(),
  'a compressed body (S-137)': (response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"keys":[]}')),
  'JSON that is not a key set': (response) => response.end('{"keys":{}}'),
  'a broken connection': (response) => response.destroy(),
} satisfies Record<string, (response: import('node:http').ServerResponse) => void>

test.each(Object.keys(bad) as (keyof typeof bad)[])(
  'S-068: when a key fetch fails with %s, the last valid keys of the issuer stay in use',
  async (what) => {
    const { set } = open({ cooldownMs: 0, timeoutMs: 2000 })
    await set.refetch()
    const [one] = set.candidates('one', 'ES256')
    server.instead.set('/jwks', (_, response) => bad[what](response))
    expect(await set.refetch()).toBe('failed')
    expect(set.candidates('one', 'ES256')).toEqual([one])
    expect(one!.live).toBe(true)
    expect(server.requests).not.toContain('/elsewhere')
  },
)

test('S-137: the gate rejects a key set with content-encoding gzip', async () => {
  server.instead.set('/jwks', (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(JSON.stringify({ keys: server.keys }))
  })
  const { set } = open()
  expect(await set.refetch()).toBe('failed')
  expect(set.status().error).toMatch(/content-encoding gzip, but the request asked for identity/)
})

test('S-137: the gate requests the key set of an issuer with `Accept-Encoding: identity`', async () => {
  let asked: string | string[] | undefined
  server.instead.set('/jwks', (request, response) => {
    asked = request.headers['accept-encoding']
    response.end('{"keys":[]}')
  })
  const { set } = open()
  expect(await set.refetch()).toBe('succeeded')
  expect(asked).toBe('identity')
})

test('S-122: the gate does not fetch issuer keys over http from a non-loopback address', async () => {
  server.metadata['jwks_uri'] = 'http://idp.example/jwks'
  const { rules, set } = open()
  keys.retain([rules])
  expect(await set.refetch()).toBe('failed')
  expect(lines[0]!.fields['error']).toMatch('http://idp.example is neither https nor http to a loopback address')
})

test('the gate drops the last valid keys of an issuer when they are older than keys_stale, and uses keys of the issuer again after a successful fetch', async () => {
  const { rules, set } = open({ cooldownMs: 0 }, { keysStaleMs: 1 })
  keys.retain([rules])
  await set.refetch()
  const [one] = set.candidates('one', 'ES256')
  // From now on the periodic fetches fail, so that the last valid keys become older than 1 ms.
  server.instead.set('/jwks', (_, response) => response.destroy())
  await until(() => set.candidates('one', 'ES256').length === 0)
  expect(one!.live).toBe(false)

  server.instead.clear()
  await until(() => set.candidates('one', 'ES256').length === 1)
})

test('a policy that raises keys_stale while the issuer is unavailable keeps the keys', async () => {
  const { rules, set } = open({ cooldownMs: 60_000 }, { keysStaleMs: 3_600_000 })
  keys.retain([rules])
  await until(() => keys.status()[0]!.outcome === 'succeeded')
  const [one] = set.candidates('one', 'ES256')
  server.instead.set('/jwks', (_, response) => response.destroy())
  const longer = { ...rules, keysStaleMs: 7_200_000 }

  keys.retain([longer])
  expect(keys.keySetOf(longer)).toBe(set)
  expect(keys.keySetOf(longer).candidates('one', 'ES256')).toEqual([one])
  expect(keys.status()).toMatchObject([{ keys: 1, outcome: 'succeeded', staleMs: 7_200_000 }])
})

test('keys of an unavailable issuer end by the keys_stale of the latest policy', async () => {
  const { rules, set } = open({ cooldownMs: 1, retryMs: 5 }, { keysStaleMs: 3_600_000 })
  keys.retain([rules])
  await until(() => keys.status()[0]!.outcome === 'succeeded')
  server.instead.set('/jwks', (_, response) => response.destroy())
  // Within the cooldown of 1 ms, `refetch` returns the outcome of the fetch before.
  while ((await set.refetch()) !== 'failed') await sleep(1)
  expect(set.candidates('one', 'ES256')).toHaveLength(1)

  keys.retain([{ ...rules, keysStaleMs: 1 }])
  await until(() => set.candidates('one', 'ES256').length === 0)
})

test('S-067: the gate logs ignored keys of an issuer once, with kid and reason', async () => {
  server.keys.push({ ...ecKey('two').jwk, use: 'enc' })
  const { rules, set } = open({ cooldownMs: 0 })
  keys.retain([rules])
  await set.refetch()
  await set.refetch()
  expect(lines.filter((line) => line.level === 'warn')).toEqual([
    {
      level: 'warn',
      message: 'the gate does not use some keys of the issuer; `ignored` has the reasons',
      fields: { issuer: 'main', ignored: [{ kid: 'two', why: 'use is not "sig"' }] },
    },
  ])
})

test('a policy change replaces the key set of an issuer when the algorithms change, but not when the audience changes, and a removed issuer has no key set', async () => {
  const { rules, set } = open()
  keys.retain([rules])
  await until(() => set.candidates('one', 'ES256').length === 1)
  const changed = { ...rules, audience: new Set(['https://other.example']) }
  keys.retain([changed])
  expect(keys.keySetOf(changed)).toBe(set)
  await set.refetch()
  expect(server.keyFetches).toBe(1)
  const narrower = { ...rules, algorithms: new Set(['RS256']) }
  keys.retain([narrower])
  expect(keys.keySetOf(narrower)).not.toBe(set)
  expect(set.candidates('one', 'ES256')).toHaveLength(1)
  keys.retain([])
  expect(keys.status()).toEqual([])
})

test('the gate no longer fetches the keys of a removed issuer, and fetches them again when the issuer is added again', async () => {
  const { rules, set } = open({ cooldownMs: 0, refreshMs: 5 })
  keys.retain([rules])
  await until(() => server.keyFetches > 2)
  keys.retain([])
  await set.refetch() // The last key fetch, which may have been in progress already.
  const asked = server.keyFetches
  await new Promise((later) => setTimeout(later, 100))
  expect(server.keyFetches).toBe(asked)
  keys.retain([rules])
  await until(() => server.keyFetches > asked + 2)
})

test('S-060: each issuer has its own keys, even when their kid values are equal', async () => {
  const other = await LoopbackIssuer.start()
  other.keys = [ecKey('one').jwk]
  const { set } = open()
  const otherSet = keys.keySetOf(rulesOf({ name: 'other', issuer: other.issuer }))
  await Promise.all([set.refetch(), otherSet.refetch()])
  expect(set.candidates('one', 'ES256')[0]).not.toBe(otherSet.candidates('one', 'ES256')[0])
  await other.close()
})
