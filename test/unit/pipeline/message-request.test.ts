import { expect, test } from 'vitest'
import { EnvoyCheckRequest } from '../../../gateway/ext-authz/check-request.ts'
import { messageRequest } from '../../../gateway/pipeline/forward-auth/message-request.ts'
import type { Gate } from '../../../gateway/pipeline/gate.ts'
import { ClientCa } from '../../kit/client-ca.ts'

// How the message of an ext_authz check becomes a request head: docs/guide/ext-authz.md.

interface Parts extends Partial<Omit<EnvoyCheckRequest, 'names' | 'values'>> {
  readonly fields?: readonly (readonly [string, string])[]
}

function read({ fields = [], ...parts }: Parts, field?: string, clientAddress = 'x-forwarded-for') {
  const message = new EnvoyCheckRequest()
  const request = { method: 'GET', path: '/a', host: 'api.test', scheme: 'https', sourceAddress: '203.0.113.9' }
  Object.assign(message, request, parts)
  for (const [name, value] of fields) {
    message.names.push(name)
    message.values.push(value)
  }
  const gate = { proxies: { clientAddress }, clientCertificates: field && { fieldName: field } } as unknown as Gate
  const { head, asked, scheme } = messageRequest(message, gate)
  return { head, asked, scheme, outcome: 'reason' in asked ? asked.reason : 'read' }
}

test.each([
  ['without a chain', '203.0.113.9', undefined, '203.0.113.9'],
  ['with a chain that Envoy has extended', '203.0.113.9', '10.0.0.1,203.0.113.9', '10.0.0.1,203.0.113.9'],
  ['with a chain of the client', '203.0.113.9', '10.0.0.1', '10.0.0.1, 203.0.113.9'],
  ['with a chain whose last address has a port', '203.0.113.9', '203.0.113.9:1', '203.0.113.9:1'],
  ['with an empty chain', '203.0.113.9', '', '203.0.113.9'],
  ['with IPv6', '2001:db8::9', '2001:DB8:0::9', '2001:DB8:0::9'],
  ['with an IPv4-mapped address', '::ffff:203.0.113.9', '203.0.113.9', '203.0.113.9'],
  ['without an IP address', '', '10.0.0.1', undefined],
  ['with a host name', 'localhost', '10.0.0.1', undefined],
])(
  'in an ext_authz check %s, the last address in X-Forwarded-For is that of the client of Envoy',
  (_, sourceAddress, chain, expected) => {
    const fields = chain === undefined ? [] : ([['x-forwarded-for', chain]] as const)

    expect(read({ sourceAddress, fields }).head.joined('x-forwarded-for')).toBe(expected)
  },
)

test('in an ext_authz check with client_address: forwarded, the last element of Forwarded has the address of the client of Envoy and the scheme of the request', () => {
  const fields = [['forwarded', 'for=10.0.0.1']] as const
  const forwarded = (sourceAddress: string) =>
    read({ sourceAddress, fields }, undefined, 'forwarded').head.joined('forwarded')

  expect(forwarded('203.0.113.9')).toBe('for=10.0.0.1, for=203.0.113.9;proto=https')
  expect(forwarded('2001:db8::9')).toBe('for=10.0.0.1, for="[2001:db8::9]";proto=https')
  expect(forwarded('')).toBeUndefined()
})

test.each([
  [':path', '/b'],
  [':path', '/a?'],
  [':method', 'POST'],
  [':authority', 'other.test'],
  [':scheme', 'http'],
  [':protocol', 'websocket'],
  [':', ''],
])(
  'an ext_authz check is rejected as ambiguous if its header field %s: %s disagrees with the attributes of the request',
  (name, value) => {
    expect(read({ fields: [[name, value]] }).outcome).toBe('check-ambiguous')
  },
)

test.each([
  ['a query', { query: 'a=b' }, 'check-ambiguous'],
  ['a fragment', { fragment: 'a' }, 'check-ambiguous'],
  ['another scheme', { scheme: 'gopher' }, 'check-malformed'],
  ['no method', { method: '' }, 'check-incomplete'],
  ['no path', { path: '' }, 'check-incomplete'],
  ['no host', { host: '' }, 'check-incomplete'],
  ['no scheme', { scheme: '' }, 'read'],
])('an ext_authz message with %s has the result: %3$s', (_, parts, outcome) => {
  expect(read(parts).outcome).toBe(outcome)
})

test('a Host field that differs from the host of an ext_authz message stays a second Host field, which the gate refuses', () => {
  expect(read({ fields: [['host', 'API.test']] }).head.names.filter((name) => name === 'host').length).toBe(1)
  expect(read({ fields: [['host', 'evil.test']] }).head.names.filter((name) => name === 'host').length).toBe(2)
})

test('the path of an ext_authz message is divided into path and query at the first question mark', () => {
  expect(read({ path: '/a?b?c' }).asked).toEqual({ method: 'GET', target: '/a', query: 'b?c' })
  expect(read({ path: '/a?' }).asked).toEqual({ method: 'GET', target: '/a', query: '' })
})

const { cert } = await (await ClientCa.create('root')).issue({ uris: ['spiffe://prod.example/orders'] })
const escaped = encodeURIComponent(cert)

test('the gate reads the client certificate of an ext_authz message into the field that client_certificate names, and into no other field', () => {
  const der = cert.replaceAll(/-----[^-]+-----|\s/g, '')

  expect(read({ certificate: escaped }, 'client-cert').head.field('client-cert')).toBe(`:${der}:`)
  expect(read({ certificate: escaped }, 'ssl-client-cert').head.field('ssl-client-cert')).toBe(escaped)
  expect(read({ certificate: escaped }, 'x-forwarded-client-cert').head.names).toEqual(['host', 'x-forwarded-for'])
  expect(read({ certificate: escaped }).head.names).toEqual(['host', 'x-forwarded-for'])
})

test.each([
  ['client-cert', 'client-cert', 'check-ambiguous'],
  ['client-cert-chain', 'client-cert', 'check-ambiguous'],
  ['ssl-client-cert', 'ssl-client-cert', 'check-ambiguous'],
  ['x-forwarded-client-cert', 'x-forwarded-client-cert', 'read'],
])(
  'a client that sends the field %s itself while client_certificate names %s causes the result: %s',
  (name, field, outcome) => {
    expect(read({ certificate: escaped, fields: [[name, 'x']] }, field).outcome).toBe(outcome)
    expect(read({ certificate: '', fields: [[name, 'x']] }, field).outcome).toBe(outcome)
  },
)

test.each(['%', 'no certificate'])(
  'an ext_authz message with the client certificate %j is rejected as malformed',
  (certificate) => {
    expect(read({ certificate }, 'client-cert').outcome).toBe('check-malformed')
  },
)

test('in the header map of an ext_authz message, joined values of fields that must not repeat are separated again; a header list stays unchanged', () => {
  const digest = 'Digest username="a", realm="b"'
  const fields = [
    ['authorization', 'Bearer a,Bearer b'],
    ['dpop', 'a, b'],
    ['x-tenant', 'a,b'],
  ] as const
  const valuesOf = (form: 'map' | 'list', name: string) => {
    const { head } = read({ form, fields: [...fields] })
    return head.values.filter((_, i) => head.names[i] === name)
  }

  expect(valuesOf('map', 'authorization')).toEqual(['Bearer a', 'Bearer b'])
  expect(valuesOf('map', 'dpop')).toEqual(['a', 'b'])
  expect(valuesOf('map', 'x-tenant')).toEqual(['a,b'])
  expect(valuesOf('list', 'authorization')).toEqual(['Bearer a,Bearer b'])
  expect(read({ form: 'map', fields: [['authorization', digest]] }).head.field('authorization')).toBe(digest)
})
