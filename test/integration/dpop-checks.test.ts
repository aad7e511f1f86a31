// DPoP proofs where the gate does not forward the request: forward-auth checks (docs/guide/forward-auth.md), checks of
// Envoy (docs/guide/ext-authz.md), dry runs of `explain`, and pages of other origins (CORS).

import { beforeAll, expect, test } from 'vitest'
import type { Explanation } from '../../gateway/explain/explanation.ts'
import { DpopClient, dpopFields } from '../kit/dpop.ts'
import { TestEnvoy } from '../kit/envoy.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

const bootstrap = 'bootstrap-token-of-the-dpop-tests-0001'
const publicUrl = 'https://api.example'
const target = '/orders/1'
const page = 'https://app.example'
const client = new DpopClient()
let issuer: TestIssuer
let token: string
let consuming: TestNode
let verifying: TestNode
let asking: TestNode

beforeAll(async () => {
  issuer = await startIssuer()
  token = client.tokenOf(issuer)
  const orders = await startUpstream()
  const redis = await testRedis()
  await foundEpoch(await testLink(redisSettingsFor(redis.port)))
  const cors = { origins: [page], headers: ['authorization', 'dpop'] }
  const policy = testPolicy({ issuer: issuer.url, orders: orders.url, ordersEntry: { cors } })
  const start = (id: string, more: object) =>
    startNode({
      policy,
      settings: {
        node: { id },
        public_url: publicUrl,
        redis: { url: redis.url },
        check: { peers: ['127.0.0.0/8'] },
        admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
        ...more,
      },
      env: { BOOTSTRAP: bootstrap },
    })
  const peers = ['127.0.0.0/8']
  const envoys = { listen_h2: { address: '127.0.0.1:0', tls: false, ext_authz: true } }
  ;[consuming, verifying, asking] = await Promise.all([
    start('consuming', envoys),
    start('verifying', { check: { peers, dpop: 'verify' }, ...envoys }),
    start('asking', { dpop: { nonce: 'required' }, ...envoys }),
  ])
})

const proofFor = (overrides: Record<string, unknown> = {}) =>
  client.proof(publicUrl + target, token, { claims: overrides })

function check({ port }: TestNode, proof: string, path = target): Promise<RawReply> {
  const stated: [string, string][] = [
    ['X-Forwarded-Method', 'GET'],
    ['X-Forwarded-Uri', path],
    ['X-Forwarded-Host', 'api.example'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-For', '192.0.2.7'],
  ]
  return request(port, requestBytes({ target: '/.gatehouse/check', fields: [...stated, ...dpopFields(token, proof)] }))
}

const send = ({ port }: TestNode, proof: string, fields: [string, string][] = []): Promise<RawReply> =>
  request(port, requestBytes({ target, fields: [...dpopFields(token, proof), ...fields] }))

test('a forward-auth check uses up the DPoP proof of its request, and the reply tells the proxy to remove the proof', async () => {
  const proof = proofFor()
  const admitted = await check(consuming, proof)
  expect(admitted.status).toBe(200)
  expect(admitted.field('x-envoy-auth-headers-to-remove')!.split(',')).toEqual(
    expect.arrayContaining(['dpop', 'authorization']),
  )

  for (const again of [await check(consuming, proof), await send(consuming, proof)]) {
    expect([again.status, again.json()]).toMatchObject([401, { code: 'invalid_dpop_proof' }])
  }
})

test('a forward-auth check rejects a DPoP proof for another method or URL than the proxy states', async () => {
  expect((await check(consuming, proofFor({ htm: 'POST' }))).status).toBe(401)
  expect((await check(consuming, proofFor({ htu: `${publicUrl}/.gatehouse/check` }))).status).toBe(401)
  expect((await check(consuming, proofFor(), '/orders/2')).status).toBe(401)
})

test('with check.dpop: verify, forward-auth checks verify a DPoP proof without using it up, and the request itself uses it up', async () => {
  const proof = proofFor()
  for (let i = 0; i < 2; i++) expect((await check(verifying, proof)).status).toBe(200)
  expect((await check(verifying, proofFor({ htm: 'POST' }))).status).toBe(401)
  expect((await send(verifying, proof)).status).toBe(200)
  expect((await send(verifying, proof)).status).toBe(401)
  // Even a proof that was used up passes a check, which is why the setting is a relaxation.
  expect((await check(verifying, proof)).status).toBe(200)
  expect(verifying.log.find(({ msg }) => msg === 'node started')!['relaxations']).toContain('check.dpop: verify')
})

/** Sends a forward-auth check as Envoy does for a client request with a DPoP proof. */
const envoyAsks = ({ http2Port }: TestNode, proof: string, path = target) =>
  new TestEnvoy(http2Port, { raw: true }).check({
    path,
    host: 'api.example',
    fields: dpopFields(token, proof).map(([name, value]) => [name.toLowerCase(), value]),
  })

test('an ext_authz check uses up the DPoP proof of its request, and Envoy removes the proof', async () => {
  const proof = proofFor()
  const admitted = await envoyAsks(consuming, proof)
  expect(admitted.status).toBe(200)
  expect(admitted.forwarded.filter(([name]) => name === 'dpop' || name === 'authorization')).toEqual([])

  const again = await envoyAsks(consuming, proof)
  expect([again.status, again.field('www-authenticate')]).toEqual([401, expect.stringContaining('invalid_dpop_proof')])
  expect((await send(consuming, proof)).status).toBe(401)
  expect((await envoyAsks(consuming, proofFor({ htm: 'POST' }))).status).toBe(401)
  expect((await envoyAsks(consuming, proofFor(), '/orders/2')).status).toBe(401)
})

test('with check.dpop: verify, ext_authz checks verify a DPoP proof without using it up', async () => {
  const proof = proofFor()
  for (let i = 0; i < 2; i++) expect((await envoyAsks(verifying, proof)).status).toBe(200)
  expect((await envoyAsks(verifying, proofFor({ htm: 'POST' }))).status).toBe(401)
})

test('with dpop.nonce: required, a client of Envoy gets a DPoP nonce with the refusal, and is admitted with a proof that contains this nonce', async () => {
  const refused = await envoyAsks(asking, proofFor())
  const nonce = refused.field('dpop-nonce')
  expect([refused.status, nonce]).toEqual([401, expect.any(String)])

  expect((await envoyAsks(asking, proofFor({ nonce }))).status).toBe(200)
})

async function explain(fields: [string, string][]): Promise<Explanation> {
  const reply = await fetch(`http://127.0.0.1:${consuming.adminPort}/api/v1/explain`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bootstrap}`, 'content-type': 'application/json' },
    body: JSON.stringify({ method: 'GET', url: publicUrl + target, token, fields }),
  })
  expect(reply.status).toBe(200)
  return (await reply.json()) as Explanation
}

test('`gatehouse explain` checks a DPoP proof as the gate does for a request, and never uses it up', async () => {
  const proof = proofFor()
  const possession = ({ token: view }: Explanation) => view?.checks.find(({ check: name }) => name === 'possession')
  for (let i = 0; i < 2; i++) {
    const explained = await explain([['DPoP', proof]])
    expect(explained.decision).toBe('admitted')
    expect(possession(explained)).toMatchObject({ verdict: 'passed' })
  }
  const wrong = await explain([['DPoP', proofFor({ htm: 'POST' })]])
  expect([wrong.reason, possession(wrong)]).toMatchObject([
    'proof-method',
    { verdict: 'failed', reason: 'proof-method' },
  ])
  expect((await explain([])).reason).toBe('proof-missing')
  expect((await send(consuming, proof)).status).toBe(200)
})

test('a page of an allowed CORS origin may send a DPoP proof and read the DPoP nonce in the reply', async () => {
  const preflight = await request(
    asking.port,
    requestBytes({
      method: 'OPTIONS',
      target,
      fields: [
        ['Origin', page],
        ['Access-Control-Request-Method', 'GET'],
        ['Access-Control-Request-Headers', 'authorization,dpop'],
      ],
    }),
  )
  expect(preflight.field('access-control-allow-headers')).toBe('authorization, dpop')

  const rejected = await send(asking, proofFor(), [['Origin', page]])
  expect(rejected.json()).toMatchObject({ code: 'use_dpop_nonce' })
  expect(rejected.field('access-control-expose-headers')!.split(', ')).toContain('dpop-nonce')
  const nonce = rejected.field('dpop-nonce')!
  expect((await send(asking, proofFor({ nonce }))).status).toBe(200)
})
