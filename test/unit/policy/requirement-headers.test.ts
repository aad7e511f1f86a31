// A request field counts only if the gate and the service read the same value: sent once, under its own name and not
// under an alias (S-035).

import { expect, test } from 'vitest'
import { FieldKind, kindOfField } from '../../../gateway/pipeline/exchange/field-kind.ts'
import { readPolicy } from '../../../gateway/policy/policy-source.ts'
import { mainIssuer, problemsOf } from './policy-text.ts'
import { compiled, inputOf, outcomeOf } from './requirement-input.ts'

const tenant = { headers: { 'X-Tenant': { any: ['blue', 'deep green'] } } }
const required = compiled(tenant)
const barred = compiled({ not: tenant })

type Fields = [name: string, value: string][]

test.each<[fields: Fields, met: boolean, admittedWhereBarred: boolean]>([
  [[['x-tenant', 'blue']], true, false],
  [[['x-tenant', 'deep green']], true, false],
  [[['x-tenant', 'red']], false, true],
  [[['x-tenant', 'Blue']], false, true],
  // A comma-separated list is equivalent to several field lines (RFC 9110 §5.3): CVE-2026-26308.
  [[['x-tenant', 'blue, red']], false, false],
  [[['x-tenant', 'red,blue']], false, false],
  [[['x-tenant', 'red ,\tdeep green ,']], false, false],
  [[['x-tenant', 'red, white']], false, true],
  // Some programs treat U+00A0 as white space, the gate does not. Such a value meets neither the requirement nor its
  // negation.
  [[['x-tenant', 'red,\u00a0blue']], false, false],
  [[['x-tenant', '\u00a0blue']], false, false],
  [[['x-tenant', 'blué']], false, false],
  [[['x-tenant', 'deep, green']], false, true],
  [[['x-tenant', 'light blue, red']], false, true],
  [[['x-tenant', '']], false, true],
  [[], false, true],
  [[['x-tenants', 'blue']], false, true],
  [[['xxtenant', 'blue']], false, true],
  // A field that is repeated or has an alias: the service could read the other value.
  [
    [
      ['x-tenant', 'blue'],
      ['x-tenant', 'red'],
    ],
    false,
    false,
  ],
  [
    [
      ['x-tenant', 'blue'],
      ['x-tenant', 'blue'],
    ],
    false,
    false,
  ],
  [
    [
      ['x-tenant', 'red'],
      ['x-tenant', 'white'],
    ],
    false,
    false,
  ],
  [
    [
      ['x-tenant', 'blue'],
      ['x_tenant', 'red'],
    ],
    false,
    false,
  ],
  [
    [
      ['x.tenant', 'red'],
      ['x-tenant', 'blue'],
    ],
    false,
    false,
  ],
  [[['x_tenant', 'blue']], false, false],
])(
  'whether the fields %j meet the requirement that x-tenant is blue or deep green: %s; whether they meet it under `not`: %s',
  (fields, met, admitted) => {
    expect(outcomeOf(required, { fields })).toBe(met ? 'met' : 'header-mismatch')
    expect(outcomeOf(barred, { fields })).toBe(admitted ? 'met' : 'requirement-unmet')
  },
)

test('a header requirement under two `not` is met by the same fields as without `not`', () => {
  const twice = compiled({ not: { all: [{ not: { any: [tenant] } }] } })
  const fields: Fields = [['x-tenant', 'blue']]

  expect(outcomeOf(twice, { fields })).toBe('met')
  expect(outcomeOf(twice, { fields: [...fields, ...fields] })).toBe('requirement-unmet')
})

test('a requirement with several request fields is met only if all of these fields match', () => {
  const both = compiled({ headers: { a: { any: ['1'] }, B: { any: ['2'] } } })

  expect(
    outcomeOf(both, {
      fields: [
        ['a', '1'],
        ['b', '2'],
      ],
    }),
  ).toBe('met')
  expect(outcomeOf(both, { fields: [['a', '1']] })).toBe('header-mismatch')
})

test('an unmet header requirement causes 403 forbidden with the reason header-mismatch, and its text for `gatehouse explain` names every condition', () => {
  expect(required.evaluate(inputOf({}))).toMatchObject({ status: 403, code: 'forbidden', challenges: [] })
  expect(required).toMatchObject({ demand: 'header x-tenant any: blue, deep green', reason: 'header-mismatch' })
})

const problemsWith = (name: string) => {
  const require = { headers: { [name]: { any: ['x'] } } }
  const services = { s: { upstreams: ['http://s'], routes: [{ id: 'r', match: { path: '/' }, require }] } }
  const text = `version: 1\n${mainIssuer}\nservices: ${JSON.stringify(services)}\n`
  return problemsOf(() => readPolicy([{ file: 'policy.yaml', bytes: Buffer.from(text) }]))
}

test.each([
  'authorization',
  'Authorization',
  'cookie',
  'dpop',
  'host',
  'via',
  'x-request-id',
  'traceparent',
  'x-gatehouse-jwt-assertion',
  'X-Forwarded-For',
  'x-auth-request-email',
  'forwarded',
  'x-real-ip',
  'client-cert',
  'client-cert-chain',
  'proxy-authorization',
  'content-length',
  'transfer-encoding',
  'connection',
  // S-042: no requirement can use the User-Agent field.
  'user-agent',
  'x_tenant',
  'x tenant',
  'x:tenant',
  '',
  'é',
])('the policy parser rejects a requirement for the request field %j', (name) => {
  expect(problemsWith(name).map(({ path }) => path.startsWith('services.s.routes[0].require.headers'))).toEqual([true])
})

test.each(['x-tenant', 'X-Tenant', 'content-type', 'origin', 'accept', '1'])(
  'the policy parser accepts a requirement for the request field %s',
  (name) => {
    expect(problemsWith(name)).toEqual([])
  },
)

// Checks that the policy parser and the pipeline have the same reserved fields.
test.each(
  `host content-length transfer-encoding expect upgrade authorization dpop connection trailer x-request-id traceparent
   tracestate baggage via cookie keep-alive te http2-settings proxy forwarded x-original-url x-original-method
   x-rewrite-url x-http-method-override x-http-method x-method-override x-real-ip x-client-ip x-cluster-client-ip
   true-client-ip cf-connecting-ip x-gatehouse-a x-auth-request-a x-forwarded-a x-envoy-a proxy-a client-cert
   client-cert-a`.split(/\s+/),
)('the policy parser rejects a requirement for %s, a field that the gate reads, drops or sets itself', (name) => {
  expect(kindOfField(name)).not.toBe(FieldKind.ordinary)
  expect(problemsWith(name)).toHaveLength(1)
})
