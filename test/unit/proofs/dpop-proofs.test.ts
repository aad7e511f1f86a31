// RFC 9449 §4.3, §11.1: validation of a proof, and the single use of a proof on one node.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { DpopProofs, type ProofExpectation } from '../../../gateway/proofs/dpop-proofs.ts'
import { ProofKeys } from '../../../gateway/proofs/proof-keys.ts'
import { ProofNonces } from '../../../gateway/proofs/proof-nonces.ts'
import { DpopClient, type ProofOverrides } from '../../kit/dpop.ts'
import { signingKey } from '../../kit/signing-key.ts'

const url = 'https://api.example/orders/1'
const token = 'header.claims.signature'
const nowMs = Date.now()
const secret = randomBytes(32)
const client = new DpopClient()
const iatWindowMs = 60_000

function proofsWith(mode: 'optional' | 'required' = 'optional', now?: () => number): DpopProofs {
  const epoch = () => ({ id: 'first', startMs: undefined })
  const nonces = new ProofNonces({ mode, settleMs: 0, epoch, secret: () => secret })
  return new DpopProofs({ iatWindowMs, nonces, used: undefined, ...(now && { now }) })
}

const expectation = (changed: Partial<ProofExpectation> = {}): ProofExpectation => ({
  thumbprint: client.thumbprint,
  token,
  method: 'GET',
  nowMs,
  isUrl: (htu) => htu === url,
  mayVerify: () => true,
  ...changed,
})

const proof = (overrides: ProofOverrides = {}) => client.proof(url, token, overrides)
const at = (iatMs: number) => proof({ claims: { iat: iatMs / 1000 } })

test.each([
  ['exactly one window old', -iatWindowMs, true],
  ['one window and 1 s old', -iatWindowMs - 1000, false],
  ['exactly one window ahead', iatWindowMs, true],
  ['one window and 1 s ahead', iatWindowMs + 1000, false],
])('whether a DPoP proof whose iat is %s is valid: $2', (_, offsetMs, valid) => {
  const validated = proofsWith().validate(at(nowMs + offsetMs), expectation())

  expect(typeof validated === 'object' || validated).toBe(valid || 'proof-time')
})

test('the id of a DPoP proof depends only on its jti and its key', () => {
  const proofs = proofsWith()
  const id = (text: string, jkt = client) => {
    const validated = proofs.validate(text, expectation({ thumbprint: jkt.thumbprint }))
    if (typeof validated !== 'object') throw new Error(validated)
    return validated.id
  }
  const other = new DpopClient()

  expect(id(proof({ claims: { jti: 'a' } }))).toBe(id(proof({ claims: { jti: 'a', extra: 1 } })))
  expect(id(proof({ claims: { jti: 'a' } }))).not.toBe(id(proof({ claims: { jti: 'b' } })))
  expect(id(proof({ claims: { jti: 'a' } }))).not.toBe(id(other.proof(url, token, { claims: { jti: 'a' } }), other))
})

test('a DPoP proof with another header but a known key is validated like a proof with an unknown key', () => {
  const proofs = proofsWith()
  expect(proofs.validate(proof(), expectation())).toBeTypeOf('object')

  expect(proofs.validate(proof({ header: { kid: 'x' } }), expectation())).toBeTypeOf('object')
  expect(proofs.validate(proof({ header: { typ: 'JWT' } }), expectation())).toBe('proof-malformed')
  expect(proofs.validate(proof({ header: { alg: 'EdDSA' } }), expectation())).toBe('proof-malformed')
  const foreign = new DpopClient()
  expect(proofs.validate(foreign.proof(url, token), expectation())).toBe('proof-key')
})

test('a key that never verified a DPoP proof is not cached', () => {
  const keys = new ProofKeys()
  expect(keys.find(client.thumbprint)).toBeUndefined()
  const proofs = proofsWith()
  const stranger = signingKey('ES256')

  expect(proofs.validate(proof({ key: stranger }), expectation())).toBe('proof-signature')
  expect(proofs.validate(proof(), expectation())).toBeTypeOf('object')
})

test('the cache of DPoP keys has a maximum size, and keeps the keys in use', () => {
  const keys = new ProofKeys(2)
  const key = { head: 'h', verify: () => true }
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    keys.add(name, key)
    keys.find('a')
  }

  expect(keys.size).toBeLessThanOrEqual(4)
  expect(keys.find('a')).toBe(key)
  expect(keys.find('b')).toBeUndefined()
})

test('after an invalid DPoP signature under a key, the gate checks no signature under this key for 10 s for an address with too many failures', () => {
  let now = 0
  const proofs = proofsWith('optional', () => now)
  const exhausted = expectation({ mayVerify: () => false })
  expect(proofs.validate(proof(), exhausted)).toBeTypeOf('object')

  expect(proofs.validate(proof({ key: signingKey('ES256') }), expectation())).toBe('proof-signature')
  expect(proofs.validate(proof(), exhausted)).toBe('address-limited')
  expect(proofs.validate(proof(), expectation())).toBeTypeOf('object')
  const other = new DpopClient()
  expect(proofs.validate(other.proof(url, token), { ...exhausted, thumbprint: other.thumbprint })).toBeTypeOf('object')
  now = 20_000
  expect(proofs.validate(proof(), exhausted)).toBeTypeOf('object')
})

test('with dpop.nonce: required, a DPoP proof needs a current nonce, and the reply to an old nonce has a newer one', () => {
  const proofs = proofsWith('required')
  const withNonce = (nonce: unknown) => proofs.validate(proof({ claims: { nonce } }), expectation())
  const fresh = proofs.nonces.issue(nowMs)
  const old = proofs.nonces.issue(nowMs - 3 * 60_000)

  expect(withNonce(undefined)).toBe('proof-nonce')
  expect(withNonce('x')).toBe('proof-nonce')
  expect(withNonce(7)).toBe('proof-malformed')
  expect(withNonce(fresh)).toMatchObject({ nonce: undefined })
  expect(withNonce(old)).toMatchObject({ nonce: fresh })
})

test('with dpop.nonce: optional, a DPoP proof with any nonce is valid', () => {
  expect(proofsWith().validate(proof({ claims: { nonce: 'of another server' } }), expectation())).toMatchObject({
    nonce: undefined,
  })
})

test('a node without Redis admits a DPoP proof once while its iat is accepted', () => {
  let now = 0
  const proofs = proofsWith('optional', () => now)

  expect([proofs.use('a', 'closed'), proofs.use('a', 'closed'), proofs.use('b', 'node')]).toEqual([true, false, true])
  now = 2 * iatWindowMs
  expect(proofs.use('a', 'closed')).toBe(false)
})
