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

// docs/design/contract.md §4, §14: keys are fetched when a token names an unknown one, once per cooldown (10 s) whoever
// asks; within it the last outcome stands: succeeded → 401, failed → 503. Each test has an issuer of its own on one node,
// all at once, since each waits for a cooldown.
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
issuerOf('slow').answer('discovery', { delayMs: 1500 })

// S-067: keys that no token may be verified with, each as its issuer might publish it by mistake.
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

/** Serves the keys of `endless` once, and then a document without an end. */
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
  // Unknown keys by the thousand are the point here.
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

/** A token under a key that the issuer does not publish. */
const unknown = (issuer: TestIssuer) => issuer.sign({ key: signingKey('ES256') })

/** Asks again and again until the answer is `status`. All before it must be `meanwhile`. */
async function turnsTo(status: number, meanwhile: number, ask: () => Promise<{ status: number }>): Promise<void> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const reply = await ask()
    if (reply.status === status) return
    expect(reply.status).toBe(meanwhile)
    if (performance.now() > deadline) throw new Error(`still ${meanwhile}, not ${status}, after ${limitMs} ms`)
    await sleep(200)
  }
}

/** Waits until the node has read the keys of an issuer, as it does at its start. */
function keysRead(name: string) {
  return node.waitForLine(({ msg, issuer }) => msg === 'issuer keys loaded' && issuer === name)
}

describe.concurrent('keys of an issuer', () => {
  test('S-067: keys that are unfit are ignored, one by one, and the log says why', async () => {
    const issuer = issuerOf('strange')

    for (const key of unusable) {
      const reason = key.alg === 'HS256' ? 'token-algorithm' : 'token-key-unknown'
      await refused(gate, { target: '/strange', token: issuer.sign({ key }) }, badToken(reason))
    }
    await admitted(gate, { target: '/strange', token: issuer.sign({ key: issuer.keys[0]! }) })
    const line = await node.waitForLine(
      ({ msg, issuer }) => msg === 'some issuer keys were ignored' && issuer === 'strange',
    )
    expect(line).toMatchObject({
      level: 'warn',
      ignored: unusable.map(({ kid }) => ({ kid, why: expect.any(String) })),
    })
  })

  test('S-067: of keys with one kid the first four are tried', async () => {
    const tokens = namesakes.map((key) => issuerOf('strange').sign({ key }))

    for (const token of tokens.slice(0, 4)) await admitted(gate, { target: '/strange', token })
    await refused(gate, { target: '/strange', token: tokens[4]! }, badToken('token-signature'))
  })

  test('a token that comes before the keys waits for them', async () => {
    await admitted(gate, { target: '/slow', token: issuerOf('slow').sign() })

    expect(issuerOf('slow').fetches).toEqual({ discovery: 1, keys: 1 })
  })

  test('S-058, S-135: unknown keys cost one fetch per cooldown, however many ask, and give 401', async () => {
    const issuer = issuerOf('steady')
    const token = issuer.sign()
    await keysRead('steady')
    await refused(gate, { target: '/steady', token: unknown(issuer) }, badToken('token-key-unknown'))
    // Where the machine took longer than the cooldown to come here, that was the second fetch.
    const { keys } = issuer.fetches
    expect(keys).toBeLessThanOrEqual(2)

    let asked = 0
    while (issuer.fetches.keys === keys && asked < 50_000) {
      const statuses = (await Promise.all(Array.from({ length: 20 }, () => send('steady', unknown(issuer))))).map(
        ({ status }) => status,
      )
      expect(new Set(statuses)).toEqual(new Set([401]))
      asked += statuses.length
      await sleep(100)
    }
    await refused(gate, { target: '/steady', token: unknown(issuer) }, badToken('token-key-unknown'))

    expect(issuer.fetches).toEqual({ discovery: keys + 1, keys: keys + 1 })
    await admitted(gate, { target: '/steady', token })
  })

  test('a new key is found by the first token that names it after the cooldown, by one fetch for all', async () => {
    const issuer = issuerOf('rotating')
    const [old] = issuer.keys
    await keysRead('rotating')
    issuer.rotate()

    await turnsTo(200, 401, async () => {
      const replies = await Promise.all(Array.from({ length: 10 }, () => send('rotating', issuer.sign())))
      return { status: Math.max(...replies.map(({ status }) => status)) === 401 ? 401 : replies[0]!.status }
    })

    expect(issuer.fetches.keys).toBe(2)
    await admitted(gate, { target: '/rotating', token: issuer.sign() })
    await admitted(gate, { target: '/rotating', token: issuer.sign({ key: old! }) })
  })

  test('S-112: what a withdrawn key has verified is refused as soon as the keys are read again', async () => {
    const issuer = issuerOf('withdrawing')
    const [stolen] = issuer.keys
    const token = issuer.sign()
    await admitted(gate, { target: '/withdrawing', token })
    issuer.rotate()
    issuer.drop(stolen!)
    await admitted(gate, { target: '/withdrawing', token })

    await turnsTo(200, 401, () => send('withdrawing', issuer.sign()))

    await refused(gate, { target: '/withdrawing', token }, badToken('token-key-unknown'))
    await refused(gate, { target: '/withdrawing', token: issuer.sign({ key: stolen! }) }, badToken('token-key-unknown'))
    expect(issuer.fetches.keys).toBe(2)
  })

  test('S-112: the keys are read again without a token that asks for it', async () => {
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
  ])('while an issuer is $name, known keys go on, and unknown ones are our trouble: 503', async ({ name, stop }) => {
    const issuer = issuerOf(name)
    await keysRead(name)
    await stop(issuer)
    const { discovery } = issuer.fetches

    await turnsTo(503, 401, () => send(name, unknown(issuer)))

    await refused(gate, { target: `/${name}`, token: unknown(issuer) }, issuerDown)
    await admitted(gate, { target: `/${name}`, token: issuer.sign() })
    expect(issuer.fetches.discovery - discovery).toBe(name === 'dead' ? 0 : 1)
    expect(
      await node.waitForLine(({ msg, issuer }) => msg === 'issuer keys cannot be fetched' && issuer === name),
    ).toEqual(expect.objectContaining({ level: 'warn', error: expect.stringContaining(issuer.url) }))
  })

  test('keys that are older than keys_stale are used no more, also not for tokens that they verified', async () => {
    const issuer = issuerOf('aging')
    const token = issuer.sign()
    await admitted(gate, { target: '/aging', token })
    await issuer.stop()

    await turnsTo(503, 200, () => send('aging', token))

    await refused(gate, { target: '/aging', token }, issuerDown)
    await refused(gate, { target: '/aging', token: issuer.sign() }, issuerDown)
  })

  test('an issuer that is down at start is asked again, and its tokens are good once it is up', async () => {
    await refused(gate, { target: '/late', token: late.sign() }, issuerDown)
    await late.start()

    await turnsTo(200, 503, () => send('late', late.sign()))

    await admitted(gate, { target: '/late', token: late.sign() })
    expect(late.fetches).toEqual({ discovery: 1, keys: 1 })
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
    'S-068: a document of keys that is none (%s) is an outage; the last good ones go on',
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

  test('S-068: nor is one that never ends', async () => {
    const issuer = issuerOf('endless')
    const token = issuer.sign()
    await admitted(gate, { target: '/endless', token })

    await turnsTo(503, 401, () => send('endless', unknown(issuer)))

    await admitted(gate, { target: '/endless', token })
    expect(endlessKeys.received).toHaveLength(2)
  })
})

/** RFC 7518 §3.3 wants 2048 bits. */
function shortRsaKey(kid: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const publicJwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }
  return { kid, alg: 'RS256', publicJwk, privateJwk: {}, sign: (data) => sign('sha256', data, privateKey) }
}
