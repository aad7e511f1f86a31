import { expect, test } from 'vitest'
import { redisOutageText } from '../../../gateway/admin/redis-outage-text.ts'
import { snapshotOf } from '../policy/policy-text.ts'

const settings = { redis: {}, revocation: { maxStalenessMs: 10_000 } } as Parameters<typeof redisOutageText>[0]
const strict = 'requests with a credential get 503 after 10s (revocation.max_staleness), and public routes continue'
const until = 'and may admit revoked credentials until then'

function textOf(root: object, ...routes: object[]): string | undefined {
  const written = routes.map((route, i) => ({
    id: `r${i}`,
    match: { path: `/${i}` },
    require: { scopes: { all: ['x'] } },
    ...route,
  }))
  const services = { s: { upstreams: ['http://s.test'], credentials: 'none', routes: written } }
  const issuers = { main: { issuer: 'https://idp.test', audience: ['a'] } }
  return redisOutageText(settings, snapshotOf(JSON.stringify({ version: 1, issuers, services, on_outage: root })))
}

test.each<[name: string, root: object, routes: object[], text: string]>([
  ['no on_outage', {}, [{}], strict],
  ['a time below max_staleness', { revocation: 'stale 5s' }, [{}], strict],
  [
    'one route with a longer time',
    {},
    [{}, { on_outage: { revocation: 'stale 60s' } }],
    `${strict}; 1 route replies 503 only after 1m (on_outage.revocation), ${until}`,
  ],
  [
    'longer times on all routes',
    { revocation: 'stale 60s' },
    [{}, { on_outage: { revocation: 'stale 90s' } }, { require: 'public' }],
    `public routes continue; 2 routes reply 503 only after 1m to 90s (on_outage.revocation), ${until}`,
  ],
  ['only public routes', {}, [{ require: 'public' }], 'public routes continue'],
])(
  'the log line at the start of a node says how the node replies while Redis is unavailable, for a policy with %s',
  (_, root, routes, text) => {
    expect(textOf(root, ...routes)).toBe(text)
  },
)

test('the log line at the start of a node without configured Redis says nothing about an outage of Redis', () => {
  expect(redisOutageText({ ...settings, redis: undefined }, { routes: [] })).toBeUndefined()
})
