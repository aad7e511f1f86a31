// `gatehouse demo --check` names the defect of a forwarded request, or of a refusal by the gate.

import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { expectRefusal } from '../../../deploy/demo/check/expected-refusal.ts'
import { expectFields, expectIdentity } from '../../../deploy/demo/check/forwarded.ts'
import type { DemoReply } from '../../../deploy/demo/http-call.ts'
import { forgeUnsigned, forgeWithKey } from '../../../deploy/demo/jwt.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const published = { ...createPublicKey(pair.privateKey).export({ format: 'jwk' }), kid: 'demo' }
const gate = { url: 'http://127.0.0.1:8080', keys: [published], issuer: 'http://127.0.0.1:8090' }

const nowS = Math.floor(Date.now() / 1000)
const token = forgeUnsigned({ header: {}, claims: { sub: 'a', client_id: 'c', scope: 'x y', exp: nowS + 600 } })
const header = { alg: 'ES256', kid: 'demo' }
const claims = {
  iss: gate.url,
  aud: 'orders',
  sub: 'a',
  client_id: 'c',
  scope: 'y x',
  roles: ['manager'],
  token_issuer: gate.issuer,
  jti: '1',
  iat: nowS,
  exp: nowS + 60,
}
const identity = { token, roles: ['manager'] }
const stated = (assertion: string): [string, string][] => [['X-Gatehouse-Jwt-Assertion', assertion]]

test('the demo check accepts a correct assertion', () => {
  expectIdentity('it', stated(forgeWithKey({ header, claims }, pair.privateKey)), 'orders', identity, gate)
})

test.each([
  { wrong: 'another audience', change: { aud: 'files' } },
  { wrong: 'another issuer', change: { iss: 'http://127.0.0.1:8081' } },
  { wrong: 'another subject', change: { sub: 'b' } },
  { wrong: 'another client', change: { client_id: 'd' } },
  { wrong: 'an additional scope', change: { scope: 'x y z' } },
  { wrong: 'a missing role', change: { roles: [] } },
  { wrong: 'a lifetime above 60 s', change: { exp: nowS + 61 } },
  { wrong: 'an exp in the past', change: { iat: nowS - 62, exp: nowS - 2 } },
  { wrong: 'no jti', change: { jti: undefined } },
])('the demo check rejects an assertion with the defect: $wrong', ({ change }) => {
  const fields = stated(forgeWithKey({ header, claims: { ...claims, ...change } }, pair.privateKey))

  expect(() => expectIdentity('it', fields, 'orders', identity, gate)).toThrow('assertion of it')
})

test.each([
  {
    wrong: 'an assertion signed with another key',
    fields: stated(forgeWithKey({ header, claims }, other.privateKey)),
    names: 'signature',
  },
  { wrong: 'an unsigned assertion', fields: stated(forgeUnsigned({ header, claims })), names: 'alg' },
  { wrong: 'no identity field', fields: [], names: 'identity fields' },
  {
    wrong: 'a second field under an alias',
    fields: [...stated('x'), ['x_gatehouse_jwt_assertion', 'y']],
    names: 'identity fields',
  },
] as { wrong: string; fields: [string, string][]; names: string }[])(
  'the demo check names the defect of the identity fields of a forwarded request: $wrong',
  ({ fields, names }) => {
    expect(() => expectIdentity('it', fields, 'orders', identity, gate)).toThrow(names)
  },
)

test('the demo check rejects an identity field on a public route, where the service must not receive one', () => {
  expect(() => expectIdentity('it', stated('x'), 'orders', undefined, gate)).toThrow('identity fields')
})

const arrived: Readonly<Record<string, string>> = {
  Host: '127.0.0.1:8080',
  'X-Check': 'unchanged',
  Cookie: 'a=1; b=2',
  'X-Forwarded-For': '127.0.0.1',
  'X-Forwarded-Host': '127.0.0.1:8080',
  'X-Forwarded-Proto': 'http',
  Forwarded: 'for=127.0.0.1;host="127.0.0.1:8080";proto=http',
  Via: '1.1 gatehouse',
  'X-Request-Id': 'abc',
}

test('the demo check accepts correct header fields of a forwarded request', () => {
  expectFields('it', Object.entries(arrived), gate)
})

test.each([...Object.keys(arrived)])(
  'the demo check rejects a forwarded request without the header field %s',
  (name) => {
    const fields = Object.entries(arrived).filter(([one]) => one !== name)

    expect(() => expectFields('it', fields, gate)).toThrow(new RegExp(name, 'i'))
  },
)

test.each([...Object.keys(arrived)])(
  'the demo check rejects a forwarded request with the header field %s twice',
  (name) => {
    const fields: [string, string][] = [...Object.entries(arrived), [name.toLowerCase(), arrived[name] ?? '']]

    expect(() => expectFields('it', fields, gate)).toThrow(new RegExp(name, 'i'))
  },
)

test('the demo check fails when the service receives the Authorization field of the client', () => {
  expect(() => expectFields('it', [...Object.entries(arrived), ['authorization', 'x']], gate)).toThrow('Authorization')
})

const refusal = { status: 401, code: 'invalid_token', challenge: { error: 'invalid_token' } }
const visit = { method: 'GET', target: '/orders/1?x=1' }
const metadata = 'http://127.0.0.1:8080/.well-known/oauth-protected-resource/orders/1'
const right = {
  status: 401,
  fields: {
    'content-type': 'application/problem+json',
    'www-authenticate': `Bearer error="invalid_token", resource_metadata="${metadata}"`,
  } as Record<string, string>,
  problem: { type: 't', title: 't', status: 401, code: 'invalid_token', instance: 'i' } as Record<string, unknown>,
}

const replyOf = ({ status, fields, problem }: typeof right): DemoReply => ({
  status,
  field: (name) => fields[name],
  all: (name) => (name in fields ? fields[name]!.split(' + ') : []),
  count: (name) => (name in fields ? 1 : 0),
  body: Buffer.from(JSON.stringify(problem)),
})

test('the demo check accepts a correct refusal of the gate and returns its request id', () => {
  expect(expectRefusal('it', replyOf(right), refusal, visit, gate.url)).toBe('i')
})

test.each([
  { wrong: 'status', reply: { ...right, status: 403 } },
  { wrong: 'WWW-Authenticate', reply: { ...right, fields: { ...right.fields, 'www-authenticate': 'Bearer ' } } },
  { wrong: 'Content-Type', reply: { ...right, fields: { ...right.fields, 'content-type': 'text/html' } } },
  { wrong: 'problem document', reply: { ...right, problem: { ...right.problem, code: 'forbidden' } } },
  { wrong: 'problem document', reply: { ...right, problem: { ...right.problem, status: 403 } } },
  { wrong: 'instance', reply: { ...right, problem: { ...right.problem, instance: '' } } },
])('the demo check names what is wrong in a refusal of the gate: $wrong', ({ wrong, reply }) => {
  expect(() => expectRefusal('it', replyOf(reply), refusal, visit, gate.url)).toThrow(wrong)
})

test('the demo check requires a DPoP challenge after the Bearer challenge where one is expected, and none elsewhere', () => {
  const bearer = right.fields['www-authenticate']
  const both = { ...right, fields: { ...right.fields, 'www-authenticate': `${bearer} + DPoP algs="ES256"` } }

  expect(expectRefusal('it', replyOf(both), { ...refusal, dpop: true }, visit, gate.url)).toBe('i')
  expect(() => expectRefusal('it', replyOf(both), refusal, visit, gate.url)).toThrow('WWW-Authenticate')
  expect(() => expectRefusal('it', replyOf(right), { ...refusal, dpop: true }, visit, gate.url)).toThrow(
    'WWW-Authenticate',
  )
})

test('the demo check rejects a refusal of the gate with a WWW-Authenticate challenge where none is expected', () => {
  const { status, code } = refusal

  expect(() => expectRefusal('it', replyOf(right), { status, code }, visit, gate.url)).toThrow('WWW-Authenticate')
})
