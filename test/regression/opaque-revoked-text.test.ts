import { randomBytes } from 'node:crypto'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startWorker } from '../kit/worker.ts'

// An issuer can accept several texts for one opaque token. The gate rejects all texts of a revoked token.

const bootstrap = 'bootstrap-token-of-the-revocation-tests-1'

let issuer: IntrospectionIssuer
let orders: string
let redisPort: number
let node: TestNode

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  orders = (await startUpstream()).url
  redisPort = (await testRedis()).port
  node = await startNode(options('main:'))
})

afterEach(() => {
  issuer.script = undefined
})

function options(prefix: string, more: Partial<Parameters<typeof opaqueGate>[0]> = {}) {
  const base = opaqueGate({
    issuer: issuer.url,
    orders,
    redisPort,
    prefix,
    settings: { admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } } },
    introspection: { cache: '1s', stale: '0s', negative_cache: '0s' },
    ...more,
  })
  return { ...base, env: { ...base.env, BOOTSTRAP: bootstrap } }
}

const statusOf = async (token: string, at = node) =>
  (await request(at.port, requestBytes({ target: '/orders/1', token }))).status

const verb = (words: readonly string[], token: string, at = node) =>
  runVerb(
    ['revoke', '--token', '-', '--wait=all', '--output', 'json', ...words],
    { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${at.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap },
    `${token}\n`,
  )

const receiptOf = ({ stdout }: { stdout: string }) => JSON.parse(stdout) as { matched_by?: string }

/** Creates the parts of a token in the form of Ory Hydra and Authelia: a key and its signature, 32 bytes each. */
function hydraToken() {
  const [key, signature] = [randomBytes(32), randomBytes(32)].map((bytes) => bytes.toString('base64url')) as [
    string,
    string,
  ]
  const last = key.at(-1)!
  const other = String.fromCharCode(last.charCodeAt(0) + 1)
  return { key, signature, sameKey: key.slice(0, -1) + other }
}

test('the gate rejects a revoked Ory Hydra token under every equivalent text', async () => {
  const { key, signature, sameKey } = hydraToken()
  expect(Buffer.from(sameKey, 'base64url')).toEqual(Buffer.from(key, 'base64url'))
  const texts = [
    `ory_at_${key}.${signature}`,
    `${key}.${signature}`,
    `${sameKey}.${signature}`,
    `ory_at_${sameKey}.${signature}`,
  ]
  // The introspection reply of these tokens has no identifying claims, so the gate compares only their texts.
  for (const text of texts) issuer.issue({ iat: undefined }, text)
  for (const text of texts) expect(await statusOf(text)).toBe(200)

  const result = await verb([], texts[3]!)

  expect(result.exitCode).toBe(0)
  expect(receiptOf(result).matched_by).toBe('text')
  expect(JSON.parse(result.stderr)).toMatchObject({ code: 'GH_REVOKED_BY_TEXT' })
  for (const text of texts) expect(await statusOf(text)).toBe(401)
  const fresh = hydraToken()
  expect(await statusOf(issuer.issue({ iat: undefined }, `ory_at_${fresh.key}.${fresh.signature}`))).toBe(200)
})

test('the gate rejects a revoked opaque token with a jti under a different text with the same jti', async () => {
  const nowS = Math.floor(Date.now() / 1000)
  const life = { jti: 'one-of-its-kind', iat: nowS, exp: nowS + 600 }
  const [one, other] = [issuer.issue(life), issuer.issue(life)]
  expect([await statusOf(one), await statusOf(other)]).toEqual([200, 200])

  const result = await verb([], one)

  expect(receiptOf(result).matched_by).toBe('jti')
  expect(result.stderr).toBe('')
  expect([await statusOf(one), await statusOf(other)]).toEqual([401, 401])
  expect(await statusOf(issuer.issue({ ...life, jti: 'another' }))).toBe(200)
})

test('the gate rejects a revoked opaque token without a jti under another text with the same introspected claims', async () => {
  const nowS = Math.floor(Date.now() / 1000)
  const life = { sub: 'erna', scope: 'orders:read profile', iat: nowS, exp: nowS + 600 }
  const [one, other] = [issuer.issue(life), issuer.issue({ ...life, scope: 'profile orders:read' })]
  const later = issuer.issue({ ...life, iat: nowS - 1 })
  expect([await statusOf(one), await statusOf(other), await statusOf(later)]).toEqual([200, 200, 200])

  const result = await verb([], one)

  expect(receiptOf(result).matched_by).toBe('answer')
  expect([await statusOf(one), await statusOf(other), await statusOf(later)]).toEqual([401, 401, 200])
})

test('an opaque token whose introspection response has no stable times is revoked only by its text, and `gatehouse revoke` warns about this', async () => {
  const token = issuer.issue({ sub: 'timeless' })
  issuer.script = () => {
    const nowS = Math.floor(Date.now() / 1000)
    return { body: JSON.stringify({ ...issuer.truth(token), iat: nowS, exp: nowS + 600 }) }
  }
  expect(await statusOf(token)).toBe(200)

  const result = await verb([], token)

  expect(receiptOf(result).matched_by).toBe('text')
  expect(JSON.parse(result.stderr)).toMatchObject({
    code: 'GH_REVOKED_BY_TEXT',
    hint: expect.stringContaining('--issuer'),
  })
  expect(await statusOf(token)).toBe(401)
})

test('while the introspection at the issuer fails, `gatehouse revoke` revokes an opaque token by its text', async () => {
  const token = issuer.issue({ jti: 'unreachable' })
  issuer.script = () => ({ status: 500, body: '' })

  const result = await verb([], token)

  expect(result.exitCode).toBe(0)
  expect(receiptOf(result).matched_by).toBe('text')
  issuer.script = undefined
  // A node caches the failed introspection of a token for one second.
  await until('the token is rejected', async () => (await statusOf(token)) === 401)
})

test('a revocation of an opaque token takes effect for the text of the token before the issuer replies to the introspection', async () => {
  const patient = await startNode(options('patient:', { introspection: { cache: '60s', timeout: '20s' } }))
  const token = issuer.issue()
  expect(await statusOf(token, patient)).toBe(200)
  issuer.script = () => ({ silent: true })
  let replied = false
  const result = verb([], token, patient).finally(() => {
    replied = true
  })
  await until('the token is rejected', async () => (await statusOf(token, patient)) === 401)
  expect(replied).toBe(false)
  await issuer.stop()
  issuer.script = undefined
  await issuer.start()

  expect(receiptOf(await result).matched_by).toMatch(/^(text|answer)$/)
})

test('the receipt for a revoked JWT says that nodes recognize the JWT by its signed part (header and claims)', async () => {
  const signer = await startNode(options('jwt:', { main: { tokens: 'jwt', recheck: '30s' } }))
  const token = issuer.sign()
  const result = await verb([], token, signer)

  expect(receiptOf(result).matched_by).toBe('signed-text')
  expect(result.stderr).toBe('')
})

test('after the issuer revokes a token with a jti and a worker finds it inactive, a node rejects another text with this jti', async () => {
  const base = options('ended:', { introspection: { cache: '2s', stale: '0s', negative_cache: '0s' } })
  const [other, worker] = await Promise.all([startNode(base), startWorker(base)])
  const life = { jti: 'ended-at-its-issuer' }
  const [one, same] = [issuer.issue(life), issuer.issue(life)]
  await until('a worker has introspected the token as active', async () => {
    expect(await statusOf(one, other)).toBe(200)
    return worker.done.includes('active')
  })
  issuer.revoke(one)
  await until('a worker has found the token ended', async () => {
    await statusOf(one, other)
    return worker.done.includes('ended')
  })

  await until('the other text is rejected', async () => (await statusOf(same, other)) === 401)
})

test('the revocation of an opaque token with an unknown issuer name fails and revokes nothing', async () => {
  const token = issuer.issue()
  const result = await verb(['--issuer', 'elsewhere'], token)

  expect(result.exitCode).toBe(1)
  expect(JSON.parse(result.stderr)).toMatchObject({ code: 'GH_ADMIN_REVOCATION_ISSUER_UNKNOWN' })
  expect(await statusOf(token)).toBe(200)
})

test('with two issuers of opaque tokens, a revocation introspects the token only at the issuer that the caller names', async () => {
  const second = await startIntrospectionIssuer()
  const base = options('two:')
  const policy = structuredClone(base.policy) as { issuers: Record<string, object>; services: Record<string, object> }
  policy.issuers['second'] = { ...policy.issuers['main'], issuer: second.url }
  policy.services['orders'] = { ...policy.services['orders'], issuers: ['main'] }
  policy.services['other'] = {
    issuers: ['second'],
    upstreams: [orders],
    routes: [{ id: 'other.read', match: { path: '/other/**' }, require: { scopes: { all: ['orders:read'] } } }],
  }
  const both = await startNode({ ...base, policy })
  const token = second.issue({ jti: 'at-the-second' })

  expect(receiptOf(await verb([], token, both)).matched_by).toBe('text')
  expect([issuer.askedAbout(token), second.askedAbout(token)]).toEqual([0, 0])
  expect(receiptOf(await verb(['--issuer', 'second'], token, both)).matched_by).toBe('jti')
  expect([issuer.askedAbout(token), second.askedAbout(token)]).toEqual([0, 1])
})

test.each([
  ['an incomplete JWT', 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkcC', 'GH_REVOKED_INCOMPLETE'],
  ['the begin of a JWT header', 'eyJhbGciOiJFUzI', 'GH_REVOKED_INCOMPLETE'],
  ['an encrypted token with five parts', 'eyJhbGciOiJkaXIifQ.a.b.c.d', 'GH_REVOKED_BY_TEXT'],
])('`gatehouse revoke` of %s warns with the right code', async (_, token, code) => {
  const { stderr } = await verb([], token)

  expect(JSON.parse(stderr)).toMatchObject({ code })
})
