import { expect, test } from 'vitest'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { policyOf, problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

// `upstream_tls` of a service: TLS settings of the connections to its upstreams.

const routes = { r: { path: '/**' } }
const https = { upstreams: ['https://orders.test'] }
const both = { certificate: 'tls/gate.crt', key: { file: '/keys/gate.key' } }

test('paths in upstream_tls start at the folder of the policy file, and the lowest TLS version is 1.2 by default', () => {
  const [service] = snapshotOf(policyOf(routes, { ...https, upstream_tls: { ca: '/ca.pem', ...both } })).services

  expect(service!.upstreamTls).toEqual({
    caFile: '/ca.pem',
    certFile: expect.stringMatching(/^\/.*\/tls\/gate\.crt$/),
    key: { file: '/keys/gate.key' },
    serverName: undefined,
    minVersion: 'TLSv1.2',
  })
  expect(snapshotOf(policyOf(routes, https)).services[0]!.upstreamTls).toBeUndefined()
})

test('a printed policy with upstream_tls compiles to the same settings', () => {
  const upstream_tls = { ...both, key: { env: 'GATE_KEY' }, server_name: 'orders.internal', min_version: '1.3' }
  const source = sourceOf(policyOf(routes, { ...https, upstream_tls }))
  const printed = snapshotOf(JSON.stringify(printPolicy(source.document)))

  expect(printed.services[0]!.upstreamTls).toEqual(
    snapshotOf(policyOf(routes, { ...https, upstream_tls })).services[0]!.upstreamTls,
  )
})

test.each([
  ['a certificate without its key', { certificate: 'a.crt' }, 'GH_CONFIG_VALUE', /both certificate and key/],
  ['a key without its certificate', { key: { env: 'KEY' } }, 'GH_CONFIG_VALUE', /both certificate and key/],
  ['a key in the policy', { ...both, key: '-----BEGIN' }, 'GH_CONFIG_SECRET_INLINE', /./],
  ['an IP address as the name', { server_name: '10.0.0.1' }, 'GH_CONFIG_VALUE', /a DNS name in lower case/],
  ['a name with a port', { server_name: 'orders:443' }, 'GH_CONFIG_VALUE', /a DNS name in lower case/],
  ['a version as a number', { min_version: 1.3 }, 'GH_CONFIG_VALUE', /must be 1\.2 or 1\.3, in quotes/],
  ['an obsolete version', { min_version: '1.1' }, 'GH_CONFIG_VALUE', /must be 1\.2 or 1\.3/],
  ['a key that would disable verification', { insecure: true }, 'GH_CONFIG_UNKNOWN_KEY', /./],
])('upstream_tls with %s is a policy error', (_, upstream_tls, code, message) => {
  const [problem] = problemsOf(() => snapshotOf(policyOf(routes, { ...https, upstream_tls })))

  expect(problem).toMatchObject({ code, message: expect.stringMatching(message) })
})

test('upstream_tls is a policy error if one of the upstreams of the service has an http URL', () => {
  const upstreams = ['https://orders.test', 'http://orders-2.test:8080']
  const problems = problemsOf(() => snapshotOf(policyOf(routes, { upstreams, upstream_tls: { ca: 'ca.pem' } })))

  expect(problems).toEqual([
    expect.objectContaining({
      code: 'GH_POLICY_UPSTREAM_TLS',
      path: 'services.orders.upstream_tls',
      message: expect.stringContaining('http://orders-2.test:8080'),
    }),
  ])
})
