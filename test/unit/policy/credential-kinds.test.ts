import { expect, test } from 'vitest'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

function policy(service: unknown, route?: unknown): string {
  const routes = [
    { id: 'a', match: { path: '/a' }, require: 'public', ...(route !== undefined && { credentials: route }) },
    { id: 'b', match: { path: '/b' }, require: 'public' },
  ]
  const services = { orders: { upstreams: ['http://orders.test'], credentials: service, routes } }
  return `version: 1\nservices: ${JSON.stringify(services)}\n`
}

const typesOf = (text: string) => snapshotOf(text).routes.map(({ credential }) => credential.type)

test.each(['assertion', 'token', 'none'])(
  '`credentials: %s` of a service applies to the routes of the service, in the short form (one word) and as a mapping',
  (type) => {
    expect(typesOf(policy(type))).toEqual([type, type])
    expect(typesOf(policy({ type }))).toEqual([type, type])
  },
)

test('`credentials` of a route overrides `credentials` of its service for this route only', () => {
  expect(typesOf(policy('assertion', 'none'))).toEqual(['none', 'assertion'])
})

test('the policy printer prints `credentials` of each route, as one word if its kind has no further keys', () => {
  const { services } = printPolicy(sourceOf(policy({ type: 'token' }, { type: 'none' })).document) as {
    services: { orders: { credentials: unknown; routes: { credentials: unknown }[] } }
  }

  expect(services.orders.credentials).toBe('token')
  expect(services.orders.routes.map(({ credentials }) => credentials)).toEqual(['none', 'token'])
})

test.each([
  [
    'an unknown word',
    'tokens',
    'credentials',
    'must be one of assertion, token, none, or a mapping whose type is one of',
  ],
  ['an unknown type', { type: 'tokens' }, 'credentials.type', 'must be one of assertion, token, none'],
  ['a mapping without a type', {}, 'credentials.type', 'is required'],
  ['a list', ['token'], 'credentials', 'must be one of assertion, token, none, or a mapping'],
  [
    'a secret in the policy',
    { type: 'header', name: 'X-Api-Key', secret: 'x' },
    'credentials.secret',
    'must refer to the secret',
  ],
  [
    'a user name with a colon',
    { type: 'basic', username: 'a:b', password: { env: 'P' } },
    'credentials.username',
    'without a colon',
  ],
  ['a key of no kind', { type: 'none', secret: 'x' }, 'credentials.secret', 'unknown key'],
])(
  '%s as `credentials` is a policy error that names the place and the expected values',
  (_, credentials, path, message) => {
    const [problem, ...others] = problemsOf(() => snapshotOf(policy(credentials)))

    expect(others).toEqual([])
    expect(problem).toMatchObject({ path: `services.orders.${path}` })
    expect(problem?.message).toContain(message)
  },
)

test.each(['Authorization', 'X-Api-Key', 'apikey', 'X-Auth-Token'])(
  'a secret of a service can be sent to the service in the field %s',
  (name) => {
    const [route] = snapshotOf(policy({ type: 'header', name, secret: { env: 'KEY' } })).routes

    expect(route!.credential).toMatchObject({ type: 'header', field: name.toLowerCase() })
  },
)

test.each([
  'Host',
  'Content-Length',
  'Content-Type',
  'Transfer-Encoding',
  'Connection',
  'Cookie',
  'Origin',
  'Via',
  'DPoP',
  'X-Forwarded-For',
  'Forwarded',
  'X-Gatehouse-Jwt-Assertion',
  'X-Auth-Request-User',
  'X-Request-Id',
  'traceparent',
  'Sec-WebSocket-Protocol',
  'Client-Cert',
  'Proxy-Authorization',
  'X-Real-IP',
  'X_Api_Key',
  'X-Api Key',
  '',
])('the policy rejects a secret of a service in the field "%s"', (name) => {
  const problems = problemsOf(() => snapshotOf(policy({ type: 'header', name, secret: { env: 'KEY' } })))

  expect(problems.map(({ path }) => path)).toContain('services.orders.credentials.name')
})
