import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { signingKey } from '../kit/signing-key.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, type Gate, identity, missingScope, refused } from './admission.ts'

// docs/design/attack-cases.md, "Revocation and caches": the gate caches token facts and no decisions. The gate signs
// one assertion per cached token. The same `jti` twice therefore proves a cache hit, and a new `jti` a cache miss.

const [issuer, upstream] = await Promise.all([startIssuer(), startUpstream()])
const route = (id: string, scope: string) => ({
  id,
  match: { path: `/${id}` },
  require: { scopes: { all: [scope] } },
})
const node = await startNode({
  // The smallest cache, and a burst that admits thousands of invalid tokens from one address.
  settings: { tokens: { cache: 64 }, limits: { address: { burst: 1_000_000 } } },
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      orders: { upstreams: [upstream.url], routes: [route('read', 'orders:read'), route('write', 'orders:write')] },
    },
  },
})
const gate: Gate = { node, services: [upstream] }

async function assertionId(token: string): Promise<unknown> {
  const { received } = await admitted(gate, { target: '/read', token })
  return (await identity(gate, received)).jti
}

test('S-105: a token that one route admitted is refused by another route whose scope it lacks', async () => {
  const token = issuer.sign()

  await admitted(gate, { target: '/read', token })
  await refused(gate, { target: '/write', token }, missingScope('orders:write'))
  await admitted(gate, { target: '/read', token })
})

test('S-105: a token that one route refused is admitted by another route whose scope it has', async () => {
  const token = issuer.sign({ claims: { scope: 'orders:write' } })

  await refused(gate, { target: '/read', token }, missingScope('orders:read'))
  await admitted(gate, { target: '/write', token })
})

test('S-106: the gate replies 401 to a token that differs from a cached token in one character', async () => {
  const token = issuer.sign()
  await admitted(gate, { target: '/read', token })
  const wire = await connect(node.port)

  // The last character has unused bits, which case S-064 covers.
  for (let at = 0; at < token.length - 1; at++) {
    const other = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
    await wire.send(requestBytes({ target: '/read', token: other }))
    expect((await readReply(wire))!.status, `character ${at}`).toBe(401)
  }
})

test('S-106: the gate does not confuse the subjects of two tokens with the same first 800 characters', async () => {
  const pad = 'p'.repeat(600)
  const raw = (sub: string) => JSON.stringify({ pad, ...goodClaims(), sub })
  const [alice, bob] = [issuer.sign({ raw: { claims: raw('alice') } }), issuer.sign({ raw: { claims: raw('bob') } })]
  expect(alice.slice(0, 800)).toBe(bob.slice(0, 800))

  for (const [token, sub] of [
    [alice, 'alice'],
    [bob, 'bob'],
    [alice, 'alice'],
  ] as const) {
    const { received } = await admitted(gate, { target: '/read', token })
    expect(await identity(gate, received)).toMatchObject({ sub })
  }
})

test('concurrent first requests with one token get the same assertion, which the gate signs once', async () => {
  const token = issuer.sign()

  const ids = await Promise.all(Array.from({ length: 12 }, () => assertionId(token)))

  expect(new Set(ids).size).toBe(1)
})

test('S-111: a thousand invalid tokens do not evict a valid token from the cache', async () => {
  const valid = issuer.sign()
  const before = await assertionId(valid)
  const foreignKeys = [signingKey('ES256', issuer.keys[0]!.kid), signingKey('ES256')]

  const flood = async () => {
    const wire = await connect(node.port)
    // The flood ends within half the lifetime of an assertion, after which the gate signs a new assertion.
    for (let i = 0; i < 50; i++) {
      for (const key of foreignKeys) {
        await wire.send(requestBytes({ target: '/read', token: issuer.sign({ key }) }))
        expect((await readReply(wire))!.status).toBe(401)
      }
    }
  }
  await Promise.all(Array.from({ length: 10 }, flood))

  expect(await assertionId(valid)).toBe(before)
})

test('the gate admits more valid tokens than the cache can contain, and evicts the oldest token', async () => {
  const first = issuer.sign()
  const before = await assertionId(first)
  const wire = await connect(node.port)
  for (let i = 0; i < 1000; i++) {
    await wire.send(requestBytes({ target: '/read', token: issuer.sign() }))
    expect((await readReply(wire))!.status).toBe(200)
  }

  expect(await assertionId(first)).not.toBe(before)
})

function goodClaims(): object {
  const [, claims] = issuer.sign().split('.')
  return JSON.parse(Buffer.from(claims!, 'base64url').toString())
}
