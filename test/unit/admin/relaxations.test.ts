// The list of security relaxations has one entry for each policy key that weakens security, and none for strict or
// default values.

import { expect, test } from 'vitest'
import { settingsRelaxations } from '../../../gateway/admin/settings-relaxations.ts'
import { relaxationsOf } from '../../../gateway/policy/relaxations.ts'
import { snapshotOf } from '../policy/policy-text.ts'

const policy = (issuer: string, service: string, route: string, match = '') => `version: 1
issuers:
  main:
    issuer: https://idp.example
    audience: [https://api.example]
    tokens: any
    introspection: { client_id: gatehouse, client_secret: { env: TEST_SECRET } }
    ${issuer}
services:
  orders:
    upstreams: [http://127.0.0.1:9]
    ${service}
    routes:
      - id: orders.read
        match: { path: /orders/**${match} }
        require: { scopes: { all: [a] } }
        limits: [{ name: reads, by: subject, requests: 10, window: 10s }]
        ${route}
`

const nothing = '# defaults only'

test.each([
  { issuer: 'profile: any', shown: 'issuers.main.profile: any' },
  { issuer: 'scope_array: true', shown: 'issuers.main.scope_array: true' },
  { service: 'encoded_slashes: keep', shown: 'services.orders.encoded_slashes: keep' },
  { service: 'path_parameters: allow', shown: 'services.orders.path_parameters: allow' },
  { service: 'credentials: token', shown: 'services.orders.credentials: token' },
  {
    service: 'pass_headers: [X-Real-IP, x-ssl-client-verify]',
    shown: 'services.orders.pass_headers: x-real-ip, x-ssl-client-verify',
  },
  {
    route: 'on_outage: { revocation: stale 60s }',
    shown: 'services.orders.routes[orders.read].on_outage.revocation: stale 1m',
  },
  {
    route: 'on_outage: { introspection: stale 2h }',
    shown: 'services.orders.routes[orders.read].on_outage.introspection: stale 2h',
  },
  {
    match: ', methods: [GET], fall_through: true',
    shown: 'services.orders.routes[orders.read].match.fall_through: true',
  },
  { route: 'credentials: { type: token }', shown: 'services.orders.routes[orders.read].credentials: token' },
  { route: 'on_outage: { replay: node }', shown: 'services.orders.routes[orders.read].on_outage.replay: node' },
  { route: 'on_outage: { limits: open }', shown: 'services.orders.routes[orders.read].on_outage.limits: open' },
])(
  'the list of security relaxations of a policy with one relaxed key has exactly the entry "$shown"',
  ({ issuer = nothing, service = nothing, route = nothing, match = '', shown }) => {
    expect(relaxationsOf(snapshotOf(policy(issuer, service, route, match)))).toEqual([shown])
  },
)

test.each([nothing, 'on_outage: { introspection: closed, revocation: closed, limits: closed, replay: closed }'])(
  'the list of security relaxations is empty for a policy whose route has these settings: %s',
  (route) => {
    expect(relaxationsOf(snapshotOf(policy(nothing, nothing, route)))).toEqual([])
  },
)

test('the settings proxy_protocol: required and check.dpop: verify are relaxations, and their defaults are not', () => {
  expect(settingsRelaxations({ proxyProtocol: 'off', checkDpop: 'consume' })).toEqual([])
  expect(settingsRelaxations({ proxyProtocol: 'off', checkDpop: 'verify' })).toEqual(['check.dpop: verify'])
  expect(settingsRelaxations({ proxyProtocol: 'required', checkDpop: 'consume' })).toHaveLength(1)
})
