import { expect, test } from 'vitest'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { mainIssuer, policyOf, problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

// `protocol` of a service: HTTP/1.1, or HTTP/2 with TLS (h2) or without (h2c).

const routes = { r: { path: '/**' } }
const http = { upstreams: ['http://orders.test'] }
const https = { upstreams: ['https://orders.test'] }

test.each([
  ['http1', http, {}],
  ['http1', https, { protocol: 'http1' }],
  ['h2', https, { protocol: 'h2' }],
  ['h2c', http, { protocol: 'h2c' }],
])(
  'the protocol of a service is %s if the service has the upstreams and protocol %j and %j, also after the policy was printed',
  (protocol, upstreams, entry) => {
    const source = sourceOf(policyOf(routes, { ...upstreams, ...entry }))

    expect(snapshotOf(policyOf(routes, { ...upstreams, ...entry })).services[0]!.protocol).toBe(protocol)
    expect(snapshotOf(JSON.stringify(printPolicy(source.document))).services[0]!.protocol).toBe(protocol)
  },
)

test.each([
  ['h2 with an http upstream', { upstreams: ['https://a.test', 'http://b.test'], protocol: 'h2' }, /http:\/\/b\.test/],
  ['h2c with an https upstream', { ...https, protocol: 'h2c' }, /needs upstreams with http:/],
])(
  'a service with the protocol %s causes a policy error that names the upstream or its scheme',
  (_, entry, message) => {
    const [problem] = problemsOf(() => snapshotOf(policyOf(routes, entry)))

    expect(problem).toMatchObject({ code: 'GH_POLICY_UPSTREAM_PROTOCOL', message: expect.stringMatching(message) })
  },
)

test.each([
  ['a service', { grpc: {} }, {}, 'services.orders.grpc'],
  ['a route', {}, { grpc: {} }, 'services.orders.routes[0].grpc'],
])('grpc of %s is a policy error when the service has the protocol http1', (_, ofService, ofRoute, path) => {
  const route = { id: 'r', match: { path: '/**' }, require: { scopes: { all: ['read'] } }, ...ofRoute }
  const services = { orders: { ...http, ...ofService, routes: [route] } }
  const problems = problemsOf(() => snapshotOf(`version: 1\n${mainIssuer}\nservices: ${JSON.stringify(services)}\n`))

  expect(problems).toMatchObject([{ code: 'GH_POLICY_UPSTREAM_PROTOCOL', path }])
})

test('a WebSocket route of a service with HTTP/2 is a policy error', () => {
  const route = {
    id: 'r',
    match: { path: '/**' },
    require: { scopes: { all: ['read'] } },
    websocket: { origins: ['https://a.test'] },
  }
  const services = { orders: { ...http, protocol: 'h2c', routes: [route] } }
  const problems = problemsOf(() => snapshotOf(`version: 1\n${mainIssuer}\nservices: ${JSON.stringify(services)}\n`))

  expect(problems.map(({ code }) => code)).toContain('GH_POLICY_UPSTREAM_PROTOCOL')
})

test('an unknown protocol of a service is a policy error', () => {
  const [problem] = problemsOf(() => snapshotOf(policyOf(routes, { ...http, protocol: 'http2' })))

  expect(problem).toMatchObject({ code: 'GH_CONFIG_VALUE' })
})
