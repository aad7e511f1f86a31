import { generateKeyPairSync, sign } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, TestIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { type SigningKey, sharedSecret, signingKey } from '../kit/signing-key.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, issuerDown, refused } from './admission.ts'

// docs/design/contract.md §4, §14: a token with an unknown key makes the gate fetch the issuer's keys, at most once per
// cooldown (10 s). Within the cooldown the result of the last fetch decides: success → 401, failure → 503. The tests run
// concurrently, because many of them wait for a cooldown. Each test uses its own issuer.
vi.setConfig({ maxConcurrency: 20 })

const names = [
  'steady',
  'rotating',
  'withdrawing',
  'refreshing',
  'failing',
  'dead',
  'aging',
  'slow',
  'strange',
] as const
const forms = ['html', 'redirect', 'huge', 'crowded', 'keyless'] as const
const issuers = new Map<string, TestIssuer>()
for (const name of [...names, ...forms, 'endless']) issuers.set(name, await startIssuer())
const issuerOf = (name: string) => issuers.get(name)!
issuerOf('slow').answer('discovery', { delayMs: 700 })

// S-067: published keys that must not verify any token.
const strange = (kid: string, published: object): SigningKey => {
  const key = signingKey('ES256', kid)
  return { ...key, publicJwk: { ...key.publicJwk, ...published } }
}
const unusable = [
  shortRsaKey('short'),
  strange('other-alg', { alg: 'ES384' }),
  strange('other-curve', { crv: 'P-384' }),
  strange('encrypts', { use: 'enc' }),
  strange('signs', { key_ops: ['sign'] }),
  { ...sharedSecret('secret', 'shared'), publicJwk: { ...sharedSecret('secret', 'shared').privateJwk, kid: 'shared' } },
]
const namesakes = Array.from({ length: 5 }, () => signingKey('ES256', 'namesake'))
for (const key of [...unusable, ...namesakes]) issuerOf('strange').publish(key)

const late = new TestIssuer({ port: freePort() })
atEnd(() => late.stop())
issuers.set('late', late)

/** Service that sends the keys of the issuer `endless` once, and after that a key document that never ends. */
const endlessKeys = await rawUpstream(async (wire, index) => {
  await wire.until('\r\n\r\n')
  await wire.send('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"keys":[')
  if (index === 0) return wire.send(`${JSON.stringify(issuerOf('endless').keys[0]!.publicJwk)}]}`)
  while (wire.ending === 'open' && index > 0) {
    await wire.send(Buffer.alloc(256 * 1024, ' '))
    await sleep(5)
  }
})

const [upstream, elsewhere] = await Promise.all([startUpstream(), startUpstream()])
const special: Record<string, object> = {
  refreshing: { keys_stale: '30s' },
  aging: { keys_stale: '1s' },
  endless: { jwks_uri: endlessKeys.url },
}
const node = await startNode({
  // The tests send thousands of tokens with unknown keys from one address.
  settings: { limits: { address: { burst: 1_000_000 } } },
  policy: {
    version: 1,
    issuers: Object.fromEntries(
      [...issuers].map(([name, { url }]) => [name, { issuer: url, audience: [testAudience], ...special[name] }]),
    ),
    services: Object.fromEntries(
      [...issuers.keys()].map((name) => [
        name,
        {
          issuers: [name],
          upstreams: [upstream.url],
          routes: [{ id: name, match: { path: `/${name}` }, require: { scopes: { all: ['orders:read'] } } }],
        },
      ]),
    ),
  },
})
const gate: Gate = { node, services: [upstream] }
const limitMs = 60_000

const send = (name: string, token: string) => request(node.port, requestBytes({ target: `/${name}`, token }))

/** Returns a token signed by a key that the issuer does not publish. */
const unknown = (issuer: TestIssuer) => issuer.sign({ key: signingKey('ES256') })

/** Repeats the request until its status is `status`. Every earlier status must be `meanwhile`. */
async function turnsTo(status: number, meanwhile: number, send: () => Promise<{ status: number }>): Promise<void> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const reply = await send()
    if (reply.status === status) return
    expect(reply.status).toBe(meanwhile)
    if (performance.now() > deadline) throw new Error(`still ${meanwhile}, not ${status}, after ${limitMs} ms`)
    await sleep(200)
  }
}

/**
 * Expects one fetch of the keys since `before`. A second fetch is accepted, because on a busy machine the first one can
 * miss its deadline of 2 s.
 */
function expectOneFetch(fetches: number, before: number): void {
  expect(fetches - before).toBeGreaterThanOrEqual(1)
  expect(fetches - before).toBeLessThanOrEqual(2)
}

/** Waits until the node has loaded the keys of an issuer, which it does at its start. */
function keysRead(name: string) {
  return node.waitForLine(({ msg, issuer }) => msg === 'issuer keys loaded' && issuer === name)
}

describe.concurrent('the gate fetches and caches the keys of an issuer', () => {
  test('S-067: unusable keys verify no token, and the log names each with the reason', async () => {
    const issuer = issuerOf('strange')

    for (const key of unusable) {
      const reason = key.alg === 'HS256' ? 'token-algorithm' : 'token-key-unknown'
      await refused(gate, { target: '/strange', token: issuer.sign({ key }) }, badToken(reason))
    }
    await admitted(gate, { target: '/strange', token: issuer.sign({ key: issuer.keys[0]! }) })
    const line = await node.waitForLine(
      ({ msg, issuer }) =>
        msg === 'the gate does not use some keys of the issuer; `ignored` has the reasons' && issuer === 'strange',
    )
    expect(line).toMatchObject({
      level: 'warn',
      ignored: unusable.map(({ kid }) => ({ kid, why: expect.any(String) })),
    })
  })

  test('S-067: of five keys with the same kid, only the first four verify tokens', async () => {
    const tokens = namesakes.map((key) => issuerOf('strange').sign({ key }))

    for (const token of tokens.slice(0, 4)) await admitted(gate, { target: '/strange', token })
    await refused(gate, { target: '/strange', token: tokens[4]! }, badToken('token-signature'))
  })

  test('a token that arrives before the issuer keys are loaded waits for them and is admitted', async () => {
    await admitted(gate, { target: '/slow', token: issuerOf('slow').sign() })

    expectOneFetch(issuerOf('slow').fetches.keys, 0)
  })

  test('S-058, S-135: tokens with unknown keys get 401 and cause one key fetch per cooldown', async () => {
    const issuer = issuerOf('steady')
    const token = issuer.sign()
    await keysRead('steady')
    await refused(gate, { target: '/steady', token: unknown(issuer) }, badToken('token-key-unknown'))
    // On a busy machine the cooldown after the first key fetch may have ended. Then the gate has fetched the keys
    // twice.
    const { keys } = issuer.fetches
    expect(keys).toBeLessThanOrEqual(2)

    let sent = 0
    while (issuer.fetches.keys === keys && sent < 50_000) {
      const statuses = (await Promise.all(Array.from({ length: 20 }, () => send('steady', unknown(issuer))))).map(
        ({ status }) => status,
      )
      expect(new Set(statuses)).toEqual(new Set([401]))
      sent += statuses.length
      await sleep(100)
    }
    await refused(gate, { target: '/steady', token: unknown(issuer) }, badToken('token-key-unknown'))

    expectOneFetch(issuer.fetches.keys, keys)
    expectOneFetch(issuer.fetches.discovery, keys)
    await admitted(gate, { target: '/steady', token })
  })

  test('after the cooldown, concurrent tokens with a new key cause one fetch and are admitted', async () => {
    const issuer = issuerOf('rotating')
    const [old] = issuer.keys
    await keysRead('rotating')
    issuer.rotate()
    const { keys } = issuer.fetches

    await turnsTo(200, 401, async () => {
      const replies = await Promise.all(Array.from({ length: 10 }, () => send('rotating', issuer.sign())))
      return { status: Math.max(...replies.map(({ status }) => status)) === 401 ? 401 : replies[0]!.status }
    })

    expectOneFetch(issuer.fetches.keys, keys)
    await admitted(gate, { target: '/rotating', token: issuer.sign() })
    await admitted(gate, { target: '/rotating', token: issuer.sign({ key: old! }) })
  })

  test('S-112: a cached token of a withdrawn key is refused after the next key fetch', async () => {
    const issuer = issuerOf('withdrawing')
    const [stolen] = issuer.keys
    const token = issuer.sign()
    await admitted(gate, { target: '/withdrawing', token })
    const { keys } = issuer.fetches
    issuer.rotate()
    issuer.drop(stolen!)
    await admitted(gate, { target: '/withdrawing', token })

    await turnsTo(200, 401, () => send('withdrawing', issuer.sign()))

    await refused(gate, { target: '/withdrawing', token }, badToken('token-key-unknown'))
    await refused(gate, { target: '/withdrawing', token: issuer.sign({ key: stolen! }) }, badToken('token-key-unknown'))
    expectOneFetch(issuer.fetches.keys, keys)
  })

  test('S-112: the gate fetches issuer keys periodically, so that a withdrawn key stops being valid although no token has an unknown key', async () => {
    const issuer = issuerOf('refreshing')
    const token = issuer.sign()
    await admitted(gate, { target: '/refreshing', token })
    issuer.drop(issuer.keys[0]!)

    await turnsTo(401, 200, () => send('refreshing', token))

    await refused(gate, { target: '/refreshing', token }, badToken('token-key-unknown'))
  })

  test.each([
    { name: 'failing', stop: (issuer: TestIssuer) => issuer.answer('discovery', { status: 500 }) },
    { name: 'dead', stop: (issuer: TestIssuer) => issuer.stop() },
  ])(
    'while the keys of an issuer cannot be fetched ($name), the gate admits tokens of known keys, and replies 503 to tokens of unknown keys',
    async ({ name, stop }) => {
      const issuer = issuerOf(name)
      await keysRead(name)
      await stop(issuer)
      const { discovery } = issuer.fetches

      await turnsTo(503, 401, () => send(name, unknown(issuer)))

      await refused(gate, { target: `/${name}`, token: unknown(issuer) }, issuerDown)
      await admitted(gate, { target: `/${name}`, token: issuer.sign() })
      if (name === 'dead') expect(issuer.fetches.discovery).toBe(discovery)
      else expectOneFetch(issuer.fetches.discovery, discovery)
      expect(
        await node.waitForLine(({ msg, issuer }) => msg === 'issuer keys cannot be fetched' && issuer === name),
      ).toEqual(expect.objectContaining({ level: 'warn', error: expect.stringContaining(issuer.url) }))
    },
  )

  test('after keys_stale without a key fetch, the gate replies 503 to new and cached tokens of the issuer', async () => {
    const issuer = issuerOf('aging')
    const token = issuer.sign()
    await admitted(gate, { target: '/aging', token })
    await issuer.stop()

    await turnsTo(503, 200, () => send('aging', token))

    await refused(gate, { target: '/aging', token }, issuerDown)
    await refused(gate, { target: '/aging', token: issuer.sign() }, issuerDown)
  })

  test('the gate replies 503 to tokens of an issuer that is down at the start, and admits them after the issuer has started', async () => {
    await refused(gate, { target: '/late', token: late.sign() }, issuerDown)
    await late.start()

    await turnsTo(200, 503, () => send('late', late.sign()))

    await admitted(gate, { target: '/late', token: late.sign() })
    expectOneFetch(late.fetches.keys, 0)
  })

  const publicJwk = () => signingKey('ES256').publicJwk
  const many = { keys: Array.from({ length: 10_000 }, () => ({ kty: 'EC' })) }
  const answers = {
    html: { headers: { 'content-type': 'text/html' }, body: '<html><body>Sign in</body></html>' },
    redirect: { status: 302, headers: { location: `${elsewhere.url}/keys` }, body: '' },
    huge: { body: JSON.stringify({ keys: [publicJwk()], pad: 'p'.repeat(5 * 1024 * 1024) }) },
    crowded: { body: JSON.stringify(many) },
    keyless: { body: '[]' },
  }

  test.each(forms)(
    'S-068: the gate treats an invalid key document (%s) as an outage: known keys stay valid, unknown keys get 503',
    async (name) => {
      const issuer = issuerOf(name)
      const token = issuer.sign()
      await admitted(gate, { target: `/${name}`, token })
      issuer.answer('keys', answers[name])

      await turnsTo(503, 401, () => send(name, unknown(issuer)))

      await refused(gate, { target: `/${name}`, token: unknown(issuer) }, issuerDown)
      await admitted(gate, { target: `/${name}`, token })
      await admitted(gate, { target: `/${name}`, token: issuer.sign() })
      expect(elsewhere.connections).toBe(0)
    },
  )

  test('S-068: the gate treats a key document that never ends as an outage: known keys stay valid, unknown keys get 503', async () => {
    const issuer = issuerOf('endless')
    const token = issuer.sign()
    await admitted(gate, { target: '/endless', token })

    await turnsTo(503, 401, () => send('endless', unknown(issuer)))

    await admitted(gate, { target: '/endless', token })
    expect(endlessKeys.received).toHaveLength(2)
  })
})

/** Returns a 1024-bit RSA key. RFC 7518 §3.3 requires at least 2048 bits. */
function shortRsaKey(kid: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const publicJwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }
  return { kid, alg: 'RS256', publicJwk, privateJwk: {}, sign: (data) => sign('sha256', data, privateKey) }
}
