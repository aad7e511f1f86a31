import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, badToken, forbidden, type Gate, missingScope, noCredential, refused } from './admission.ts'

// The gate checks every request against the requirement of its route, even if the node has cached the result of
// verifying the token (RFC 6750 §3.1, RFC 9068 §4).

const [main, partner, orders, reports] = await Promise.all([
  startIssuer(),
  startIssuer(),
  startUpstream(),
  startUpstream(),
])

const scope = (...names: string[]) => ({ scopes: { all: names } })
const role = (name: string) => ({ roles: { all: [name] } })
const route = (id: string, require: unknown, more: object = {}) => ({
  id,
  match: { path: `/${id}/**` },
  require,
  ...more,
})
const elsewhere = { addresses: { allow: ['10.0.0.0/8', '2001:db8::/32'] } }

const node = await startNode({
  policy: {
    version: 1,
    issuers: {
      main: { issuer: main.url, audience: [testAudience] },
      partner: { issuer: partner.url, audience: [testAudience] },
    },
    services: {
      orders: {
        issuers: ['main'],
        upstreams: [orders.url],
        roles: {
          manager: { claim: 'realm_access.roles', any: ['manager'] },
          guest: { claim: 'realm_access.roles', any: ['guest'] },
        },
        routes: [
          { id: 'read', match: { path: '/read/**', methods: ['GET'] }, require: scope('read') },
          { id: 'change', match: { path: '/read/**', methods: ['POST', 'DELETE'] }, require: scope('write') },
          route('both', scope('read', 'write')),
          route('either', { scopes: { any: ['read', 'write'] } }),
          route('manager', role('manager')),
          route('scope-and-role', { all: [scope('write'), role('manager')] }),
          route('scope-or-scope', { any: [scope('write'), scope('admin')] }),
          route('scope-or-role', { any: [scope('write'), role('manager')] }),
          route('no-guest', { all: [scope('read'), { not: role('guest') }] }),
          route('no-admin', { not: scope('admin') }),
          route('public', 'public'),
          route('far', scope('read'), elsewhere),
          route('far-public', 'public', elsewhere),
          route('near', scope('read'), { addresses: { allow: ['127.0.0.0/8'] } }),
          route('near-mapped', scope('read'), { addresses: { allow: ['::ffff:127.0.0.1'] } }),
          route('barred', scope('read'), { addresses: { allow: ['127.0.0.0/8'], deny: ['127.0.0.1'] } }),
        ],
      },
      reports: {
        issuers: ['main', 'partner'],
        upstreams: [reports.url],
        roles: { manager: { claim: 'groups', any: ['report-managers'] } },
        routes: [route('reports', scope('read')), route('report-managers', role('manager'))],
      },
    },
  },
})
const gate: Gate = { node, services: [orders, reports] }

const holding = (scopes: string, roles: string[] = []) =>
  main.sign({ claims: { scope: scopes, realm_access: { roles } } })
const noRole = forbidden('role-missing')
const unmet = forbidden('requirement-unmet')

test.concurrent.each([
  { target: '/read/1', token: holding('read') },
  { target: '/read', token: holding('write read') },
  { target: '/both/1', token: holding('write read') },
  { target: '/either/1', token: holding('write') },
  { target: '/manager/1', token: holding('', ['manager']) },
  { target: '/scope-and-role/1', token: holding('write', ['guest', 'manager']) },
  { target: '/scope-or-scope/1', token: holding('admin') },
  { target: '/scope-or-role/1', token: holding('', ['manager']) },
  { target: '/scope-or-role/1', token: holding('write') },
  { target: '/no-guest/1', token: holding('read', ['manager']) },
  { target: '/no-admin/1', token: holding('') },
  { target: '/near/1', token: holding('read') },
  { target: '/near-mapped/1', token: holding('read') },
])('the gate admits a request that meets the requirement of the route for $target', async (request) => {
  await admitted(gate, request)
})

test.concurrent.each([
  { title: 'no scope at all', target: '/read/1', token: holding(''), lacks: 'read' },
  { title: 'another scope', target: '/read/1', token: holding('write'), lacks: 'read' },
  { title: 'one of two required scopes', target: '/both/1', token: holding('read'), lacks: 'read write' },
  { title: 'none of two alternative scopes', target: '/either/1', token: holding('admin'), lacks: 'read write' },
  { title: 'the role but not the scope', target: '/scope-and-role/1', token: holding('', ['manager']), lacks: 'write' },
  { title: 'neither of two scopes', target: '/scope-or-scope/1', token: holding('read'), lacks: 'write' },
  { title: 'no scope and no forbidden role', target: '/no-guest/1', token: holding(''), lacks: 'read' },
])(
  'the gate replies 403 and names the missing scopes to a request for $target with this token: $title',
  ({ target, token, lacks }) => refused(gate, { target, token }, missingScope(lacks)),
)

test.concurrent.each([
  { title: 'no role', target: '/manager/1', token: holding('read write admin'), refusal: noRole },
  { title: 'another role', target: '/manager/1', token: holding('', ['guest']), refusal: noRole },
  { title: 'a role in another case', target: '/manager/1', token: holding('', ['Manager']), refusal: noRole },
  { title: 'a scope with the name of the role', target: '/manager/1', token: holding('manager'), refusal: noRole },
  { title: 'the scope but not the role', target: '/scope-and-role/1', token: holding('write'), refusal: noRole },
  { title: 'neither scope nor role', target: '/scope-or-role/1', token: holding('read'), refusal: unmet },
  { title: 'a forbidden role', target: '/no-guest/1', token: holding('read', ['guest']), refusal: unmet },
  { title: 'a forbidden scope', target: '/no-admin/1', token: holding('admin'), refusal: unmet },
])('the gate replies 403 without a challenge when the token of a request for $target has $title', (row) =>
  refused(gate, { target: row.target, token: row.token }, row.refusal),
)

test.concurrent('the gate reads roles from the claim that the service of the route configures', async () => {
  const token = main.sign({ claims: { realm_access: { roles: ['manager'] }, groups: ['others'] } })

  await admitted(gate, { target: '/manager/1', token })
  await refused(gate, { target: '/report-managers/1', token }, noRole)
})

test.concurrent('the gate requires a valid token on a route whose requirement only forbids a scope', async () => {
  await refused(gate, { target: '/no-admin/1' }, noCredential)
  await refused(gate, { target: '/no-admin/1', token: 'x' }, badToken('token-malformed'))
})

test.concurrent.each(['POST', 'DELETE'])(
  'the gate requires another scope for %s than for GET on the same path',
  async (method) => {
    const target = '/read/1'

    await refused(gate, { method, target, token: holding('read') }, missingScope('write'))
    await admitted(gate, { method, target, token: holding('write') })
    await refused(gate, { target, token: holding('write') }, missingScope('read'))
  },
)

test.concurrent('a method override field of a client does not change the method that the gate authorizes and forwards', async () => {
  const fields = [
    ['X-HTTP-Method-Override', 'GET'],
    ['X-HTTP-Method', 'GET'],
    ['X-Method-Override', 'GET'],
  ] as const
  const refusal = missingScope('write')

  await refused(gate, { method: 'DELETE', target: '/read/1', token: holding('read'), fields }, refusal)
  const { received } = await admitted(gate, { target: '/read/1?_method=DELETE', token: holding('read'), fields })
  expect(received.method).toBe('GET')
  expect(received.all('x-http-method-override')).toEqual([])
})

test.concurrent('the gate does not forward the body of a rejected request, and the connection of the client serves the next request', async () => {
  const token = holding('read')
  // After this request the node has the token in its cache. So the gate rejects the next request before its body
  // arrives.
  await admitted(gate, { target: '/read/1', token })

  await refused(gate, { method: 'POST', target: '/read/1', token, body: 'b'.repeat(100_000) }, missingScope('write'))
})

test.concurrent('the gate rejects a token of an issuer that the service does not list, despite matching scopes', async () => {
  const token = partner.sign({ claims: { scope: 'read write admin', realm_access: { roles: ['manager'] } } })
  const refusal = badToken('token-issuer-not-accepted')

  await refused(gate, { target: '/read/1', token }, refusal)
  // The decision is the same when the token is already in the node's cache.
  await admitted(gate, { target: '/reports/1', token })
  await refused(gate, { target: '/read/1', token }, refusal)
  await refused(gate, { target: '/no-admin/1', token }, refusal)
  await admitted(gate, { target: '/public/1', token })
})

test.concurrent.each([
  { title: 'outside the allow list', target: '/far/1' },
  { title: 'on the deny list and on the allow list', target: '/barred/1' },
  { title: 'outside the allow list of a public route', target: '/far-public/1' },
])('the gate rejects a client address $title before it reads the credential', async ({ target }) => {
  const denied = forbidden('address-denied')

  await refused(gate, { target, token: holding('read') }, denied)
  await refused(gate, { target }, denied)
  await refused(gate, { target, token: 'x' }, denied)
})

test.concurrent.each([
  ['X-Forwarded-For', '10.1.2.3'],
  ['Forwarded', 'for=10.1.2.3'],
  ['X-Real-IP', '10.1.2.3'],
  ['Client-IP', '10.1.2.3'],
  ['X-Client-IP', '10.1.2.3'],
  ['True-Client-IP', '10.1.2.3'],
  ['X-Original-URL', '/near/1'],
] as const)('the client field %s: %s does not change the client address that the gate checks', (name, value) =>
  refused(gate, { target: '/far/1', token: holding('read'), fields: [[name, value]] }, forbidden('address-denied')),
)
