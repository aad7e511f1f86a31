import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// S-136 (CVE-2026-21717): requests with as many integer-like names as fit. V8 hashed such names without a seed, so an
// attacker could make them collide. Inserting colliding names into an object takes quadratic time.

const issuer = await startIssuer()
const upstream = await startUpstream()
const policy = {
  version: 1,
  issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
  services: {
    s: {
      upstreams: [upstream.url],
      routes: [{ id: 's', match: { path: '/s/**' }, require: { scopes: { all: ['orders:read'] } } }],
    },
  },
}
const node = await startNode({ policy })
const ample = await startNode({ policy, settings: { request: { token_max: '32KiB', head_max: '64KiB' } } })

/** Multiples of 65,536: in a hash table whose size is a power of two they share one bucket. */
const indexes = (count: number) => Array.from({ length: count }, (_, n) => [String(n * 65_536), 0] as const)
const tokenWith = (count: number) => issuer.sign({ claims: Object.fromEntries(indexes(count)) })

test('S-136 the Node version that runs the gate is at least 24.14.1, which contains the V8 hash-collision fix', () => {
  const [major, minor, patch] = execFileSync(process.execPath, ['--version'], { encoding: 'utf8' })
    .slice(1)
    .split('.')
    .map(Number) as [number, number, number]

  expect(major * 1_000_000 + minor * 1000 + patch).toBeGreaterThanOrEqual(24_014_001)
})

test('S-136 the gate rejects a token with 50,000 claims because the request head is too large (431)', async () => {
  const reply = await request(node.port, requestBytes({ target: '/s/1', token: tokenWith(50_000) }))

  expect(reply.status).toBe(431)
})

test('S-136 the gate rejects a token with 1,000 claims as longer than 8 KiB (401)', async () => {
  const token = tokenWith(1000)
  expect(token.length).toBeGreaterThan(8192)
  const reply = await request(node.port, requestBytes({ target: '/s/1', token }))

  expect(reply.status).toBe(401)
  const record = await node.waitForRecord(({ id }) => id === reply.field('x-request-id'))
  expect(record).toMatchObject({ decision: 'refused', reason: 'token-too-long' })
})

test('S-136 the gate admits a valid token of up to 32 KiB that is full of integer-like claims', async () => {
  const token = tokenWith(1600)
  expect(token.length).toBeGreaterThan(28_000)
  expect(token.length).toBeLessThanOrEqual(32 * 1024)

  expect((await request(ample.port, requestBytes({ target: '/s/1', token }))).status).toBe(200)
})

test('S-136 the gate forwards header fields with integer-like names unchanged', async () => {
  const fields = indexes(94).map(([name]) => [name, name] as const)
  const reply = await request(node.port, requestBytes({ target: '/s/fields', token: issuer.sign(), fields }))

  expect(reply.status).toBe(200)
  const received = upstream.requests.find(({ url }) => url === '/s/fields')!
  expect(received.fields.filter(([name]) => /^\d+$/.test(name))).toEqual(fields)
})

test('S-136 a node accepts an issuer key set that has 50,000 integer-like members', async () => {
  const withIndexes = Object.fromEntries([...indexes(50_000), ['keys', issuer.keys.map(({ publicJwk }) => publicJwk)]])
  issuer.answer('keys', { body: JSON.stringify(withIndexes) })
  const fresh = await startNode({ policy })

  expect((await request(fresh.port, requestBytes({ target: '/s/1', token: issuer.sign() }))).status).toBe(200)
  issuer.answer('keys')
})
