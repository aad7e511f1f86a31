// A caller with the scope gatehouse:policy:SERVICE changes this service alone, within `policy.owners.SERVICE`. Each case
// is an attempt of the owner of `orders` to get more than that.

import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { startUpstream } from '../kit/upstream.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-policy-owners-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const [issuer, first, second, redis] = await Promise.all([startIssuer(), startUpstream(), startUpstream(), testRedis()])
const audience = 'https://gate.test/admin'
const host = 'shop.test'
const locked = { scopes: { all: ['read'] } }
const web = 'http://web.test:8080'

/** A route of the owner. */
const route = (id: string, match: object, more: object = {}) => ({ id, match, require: locked, ...more })
const own = route('orders.read', { host, path: '/orders/**' })
const orders = (more: object = {}) => ({
  upstreams: [first.url],
  credentials: { type: 'header', name: 'X-Key', secret: { env: 'OPERATOR_KEY' } },
  routes: [own],
  ...more,
})
/** The service with a further route. */
const withRoute = (match: object, more: object = {}) => orders({ routes: [own, route('orders.new', match, more)] })
const client = {
  type: 'client_credentials',
  issuer: 'main',
  client_id: 'gate-at-web',
  client_secret: { env: 'WEB_KEY' },
}

const serviceFile = (name: string, service: object, more: object = {}) =>
  stringify({ version: 1, services: { [name]: service }, ...more }, { aliasDuplicateObjects: false })
const seed = {
  'main.yaml': stringify({ version: 1, issuers: { main: { issuer: issuer.url, audience: [testAudience] } } }),
  'orders.yaml': serviceFile('orders', orders()),
  'web.yaml': serviceFile('web', {
    upstreams: [web],
    credentials: client,
    routes: [
      route('web.all', { host, path: '/**' }),
      route('web.admin', { host, path: '/orders/admin', methods: ['GET'] }),
    ],
  }),
}

function folderOf(name: string, files: Readonly<Record<string, string>>): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
  return path
}

const node = await startNode({
  policy: '',
  settings: {
    redis: { url: redis.url },
    policy: {
      source: 'cluster',
      seed: folderOf('seed', seed),
      copy: 'policy-copy.json',
      owners: {
        orders: {
          hosts: [host],
          paths: ['/orders/**', '/order-list'],
          upstreams: [second.url, web],
          secrets: [{ env: 'OWNER_KEY' }],
        },
        lists: { hosts: [host], paths: ['/orders/**'], upstreams: [second.url] },
      },
    },
    keys: {
      assertion: [{ id: 'a1', secret: { file: 'assertion.jwk' } }],
      encryption: [{ id: 'e1', secret: { env: 'ENCRYPTION_KEY' } }],
      policy: [{ id: 'p1', secret: { env: 'POLICY_KEY' } }],
    },
    admin: { listen: '127.0.0.1:0', issuer: { issuer: issuer.url, audience: [audience] } },
  },
  env: {
    POLICY_KEY: randomBytes(32).toString('base64url'),
    ENCRYPTION_KEY: randomBytes(32).toString('base64url'),
    OPERATOR_KEY: 'key-of-the-operator',
    OWNER_KEY: 'key-of-the-owner',
    WEB_KEY: 'key-of-the-web',
  },
})

const admin = `http://127.0.0.1:${node.adminPort}`
const token = (scope: string, sub = 'owner') => issuer.sign({ claims: { aud: audience, sub, scope } })
const ownerToken = token('gatehouse:policy:orders')

interface Reply {
  readonly status: number
  readonly code: string
  readonly hint?: string
  readonly detail?: string
  readonly number?: number
  readonly difference?: unknown
  readonly problems?: readonly { path: string; message: string; hint?: string; file?: string; line?: number }[]
  readonly not_granted?: readonly unknown[]
}

async function post(path: string, body: object, credential = ownerToken): Promise<Reply> {
  const reply = await fetch(`${admin}/api/v1/policy/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: reply.status, ...((await reply.json()) as object) } as Reply
}

/** Applies this text as the file of one service. */
const applyText = (text: string, { only = 'orders', credential = ownerToken, more = {} } = {}) =>
  post('apply', { files: [{ name: `${only}.yaml`, text }], only, ...more }, credential)
const apply = (service: object, more?: Parameters<typeof applyText>[1]) =>
  applyText(serviceFile('orders', service), more)

async function activeRevision(): Promise<number> {
  const reply = await fetch(`${admin}/api/v1/policy/revisions`, {
    headers: { authorization: `Bearer ${token('gatehouse:read')}` },
  })
  return ((await reply.json()) as { active: number }).active
}

const refusedChanges: readonly (readonly [name: string, service: object, path: string, message: string])[] = [
  [
    'a host that is not granted',
    withRoute({ host: 'api.test', path: '/orders/x' }),
    'routes[orders.new].match',
    'matches host api.test',
  ],
  [
    'a pattern of hosts',
    withRoute({ host: '*.test', path: '/orders/x' }),
    'routes[orders.new].match',
    'matches host *.test',
  ],
  ['no host', withRoute({ path: '/orders/x' }), 'routes[orders.new].match', 'matches every host'],
  ['a path that is not granted', withRoute({ host, path: '/other' }), 'routes[orders.new].match', 'matches /other'],
  ['a path pattern that is wider', withRoute({ host, path: '/*' }), 'routes[orders.new].match', 'matches /*'],
  [
    'a gRPC method',
    { ...withRoute({ host, grpc: 'shop.Orders/Read' }), protocol: 'h2c' },
    'routes[orders.new].match',
    'matches /shop.Orders/Read',
  ],
  [
    'a granted path that another service matches',
    withRoute({ host, path: '/order-list' }),
    'routes[orders.new].match',
    'would match requests of route web.all of service web',
  ],
  [
    'a route that leaves its requests to no route',
    orders({ routes: [{ ...own, match: { ...own.match, methods: ['GET'], path: '/orders/*' } }] }),
    'routes',
    'route web.all of service web would match requests of route orders.read',
  ],
  [
    'an upstream that is not granted',
    orders({ upstreams: ['http://127.0.0.1:9'] }),
    'upstreams',
    'upstream http://127.0.0.1:9 is not granted',
  ],
  [
    'another spelling of a granted host',
    orders({ upstreams: ['http://web.test.:8080'] }),
    'upstreams',
    'upstream http://web.test.:8080',
  ],
  [
    'a secret in the environment',
    orders({ credentials: { type: 'header', name: 'X-Key', secret: { env: 'POLICY_KEY' } } }),
    'credentials.secret',
    '{ env: POLICY_KEY }',
  ],
  [
    'the secret of the operator in another field',
    orders({ credentials: { type: 'header', name: 'X-Mine', secret: { env: 'OPERATOR_KEY' } } }),
    'credentials.secret',
    '{ env: OPERATOR_KEY }',
  ],
  [
    'a secret in a file',
    withRoute(
      { host, path: '/orders/x' },
      { credentials: { type: 'basic', username: 'u', password: { file: 'policy-key' } } },
    ),
    'routes[orders.new].credentials.password',
    '{ file: policy-key }',
  ],
  [
    'a file of certificates',
    orders({ upstreams: ['https://127.0.0.1:9'], upstream_tls: { ca: '/etc/passwd' } }),
    'upstream_tls.ca',
    '{ file: /etc/passwd }',
  ],
  [
    'a name in TLS',
    orders({ upstreams: ['https://127.0.0.1:9'], upstream_tls: { server_name: 'web.internal' } }),
    'upstream_tls.server_name',
    'web.internal',
  ],
  [
    'a client of another service',
    orders({ credentials: { ...client, client_secret: { env: 'OWNER_KEY' } } }),
    'credentials',
    'client gate-at-web at issuer main is a client of service web',
  ],
  [
    'a rewrite to paths of another service',
    orders({ upstreams: [web], routes: [{ ...own, rewrite: { strip_prefix: '/orders', add_prefix: '/admin' } }] }),
    'routes[orders.read].rewrite',
    'could reach paths of service web',
  ],
  [
    'a relaxation of an outage',
    orders({ routes: [{ ...own, on_outage: { revocation: 'stale 60s' } }] }),
    'routes[orders.read].on_outage.revocation',
    'adds the relaxation stale 1m',
  ],
  ['the token of the caller', orders({ credentials: 'token' }), 'credentials', 'adds the relaxation token'],
  [
    'a field of another proxy',
    orders({ pass_headers: ['X-Real-IP'] }),
    'pass_headers',
    'adds the relaxation x-real-ip',
  ],
]

test.each(refusedChanges)(
  'an owner of a service that changes it by %s gets 403 with the path of the change and a hint',
  async (_, service, place, message) => {
    const reply = await apply(service)

    expect(reply).toMatchObject({ status: 403, code: 'policy_not_granted' })
    expect(reply.problems).toContainEqual(
      expect.objectContaining({
        code: 'GH_POLICY_NOT_GRANTED',
        path: `services.orders.${place}`,
        message: expect.stringContaining(message),
        hint: expect.stringMatching(/policy\.owners\.orders|gatehouse:policy/),
        file: 'orders.yaml',
        line: expect.any(Number),
      }),
    )
  },
)

test('if an owner of a service sends a change with several parts that are not granted, the refusal lists all of them', async () => {
  const { problems } = await apply({
    ...withRoute({ host: 'api.test', path: '/other' }),
    upstreams: ['http://127.0.0.1:9'],
    credentials: { type: 'header', name: 'X-Key', secret: { env: 'POLICY_KEY' } },
  })

  expect(problems?.map(({ path }) => path)).toEqual([
    'services.orders.routes[orders.new].match',
    'services.orders.routes[orders.new].match',
    'services.orders.upstreams',
    'services.orders.credentials.secret',
  ])
})

test.each([
  [
    'issuers',
    { issuers: { own: { issuer: 'https://own.test', audience: ['a'] } } },
    'defines service orders and also issuers',
  ],
  ['limits of the policy', { limits: [{ name: 'l', by: 'address', requests: 1, window: '1s' }] }, 'also limits'],
  ['another service', { services: { orders: orders(), web: orders() } }, 'and also service web'],
])('an owner of a service that sends %s in the file of the service gets 422', async (_, more, message) => {
  expect(await applyText(serviceFile('orders', orders(), more))).toMatchObject({
    status: 422,
    problems: [{ message: expect.stringContaining(message) }],
  })
})

const addressOf = (path: string) => `version: 1
services:
  orders:
    upstreams: &a ["${first.url}"]
    routes:
      - { id: orders.read, match: { host: shop.test, path: ${path} }, require: public }
`
test.each([
  ['a path with a dot segment', addressOf('/orders/../admin'), 'path-dot-segment'],
  ['a path with percent-encoding', addressOf('/orders/%61dmin'), 'must be in normal form'],
  ['a host with a trailing dot', addressOf('/orders/**').replace('shop.test', 'shop.test.'), 'must be a host name'],
  ['a host in capitals', addressOf('/orders/**').replace('shop.test', 'SHOP.test'), 'must be in lower case'],
  [
    'a merge key',
    addressOf('/orders/**').replace('  orders:', '  orders:\n    <<: {}'),
    'merge keys (<<) are not accepted',
  ],
  ['a service twice', `${addressOf('/orders/**')}  orders: {}\n`, 'duplicate key'],
  [
    'an address of the metadata of a cloud',
    addressOf('/orders/**').replace(first.url, 'http://169.254.169.254'),
    'must not be a link-local',
  ],
])('an owner of a service that applies %s gets 422, because the policy is invalid', async (_, text, message) => {
  const reply = await applyText(text)

  expect(reply).toMatchObject({ status: 422, code: 'policy_invalid' })
  expect(JSON.stringify(reply.problems)).toContain(message)
})

test('an owner of a service that applies the route of another owner gets an error that names both routes and both services', async () => {
  const lists = { upstreams: [second.url], routes: [route('lists.read', { host, path: '/orders/**' })] }
  const reply = await applyText(serviceFile('lists', lists), {
    only: 'lists',
    credential: token('gatehouse:policy:lists'),
  })

  expect(reply).toMatchObject({ status: 422, code: 'policy_invalid' })
  expect(reply.problems?.[0]?.message).toMatch(
    /^routes (?=.*lists\.read \(service lists\))(?=.*orders\.read \(service orders\)).* match the same requests/,
  )
})

test.each([
  ['without `only`', { only: undefined }],
  ['for another service', { only: 'web' }],
])('an owner of a service that applies a policy %s gets 403 insufficient_scope with a hint', async (_, { only }) => {
  const files = Object.entries(seed).map(([name, text]) => ({ name, text: `# changed\n${text}` }))
  const expected = { status: 403, code: 'insufficient_scope', hint: expect.stringContaining('`only`') }

  expect(await post('apply', { files, only })).toMatchObject(expected)
  expect(await post('diff', { files, only })).toMatchObject(expected)
  expect(await post('diff', { to: 1 })).toMatchObject(expected)
})

test('an owner of a service gets 403 for a rollback and for reading revisions', async () => {
  expect(await post('rollback', {})).toMatchObject({
    status: 403,
    code: 'insufficient_scope',
    hint: expect.stringContaining('not roll back'),
  })
  const read = await fetch(`${admin}/api/v1/policy/revisions/1`, { headers: { authorization: `Bearer ${ownerToken}` } })
  expect(read.status).toBe(403)
})

test.each(['web', 'toString'])(
  'a caller with the policy scope of service %s, which has no owner in the settings, is refused, and the error names the setting',
  async (name) => {
    const text = serviceFile(name, { upstreams: [second.url], routes: [route('r', { host, path: '/orders/r' })] })
    const reply = await applyText(text, { only: name, credential: token(`gatehouse:policy:${name}`) })

    expect(reply).toMatchObject({ status: 403, code: 'policy_not_granted' })
    expect(reply.problems).toMatchObject([{ message: expect.stringContaining(`have no policy.owners.${name}`) }])
  },
)

test('the refused policy changes of owners have created no revision', async () => {
  expect(await activeRevision()).toBe(1)
})

test('the owner of a service applies a change that is granted to it with `gatehouse apply --only`, and the node enforces the change', async () => {
  const changed = orders({
    upstreams: [second.url],
    credentials: { type: 'header', name: 'X-Key', secret: { env: 'OWNER_KEY' } },
    routes: [{ ...own, require: 'public' }],
  })
  const env = { GATEHOUSE_ADMIN_URL: admin, GATEHOUSE_ADMIN_TOKEN: ownerToken }
  const path = folderOf('owner', { 'orders.yaml': serviceFile('orders', changed) })
  const applied = await runVerb(['apply', path, '--only', 'orders', '--message', 'open orders'], env)

  expect(applied.exitCode, applied.stderr).toBe(0)
  expect(applied.stdout).toContain('Revision 2 is active.')
  const { status } = await request(node.port, requestBytes({ target: '/orders/1', host }))
  expect(status).toBe(200)

  const wider = folderOf('wider', {
    'orders.yaml': serviceFile('orders', { ...changed, upstreams: ['http://127.0.0.1:9'] }),
  })
  const refused = await runVerb(['apply', wider, '--only', 'orders'], env)
  expect(refused.exitCode).toBe(1)
  expect(refused.stderr).toContain(
    `${join(wider, 'orders.yaml')}:4:5: services.orders.upstreams: upstream http://127.0.0.1:9 is not granted (GH_POLICY_NOT_GRANTED)`,
  )
  expect(refused.stderr).toContain(`use what policy.owners.orders.upstreams grants (${second.url}, ${web})`)
  expect(refused.stderr).toContain('the owner of service orders may not make this change (1 reason)')
  const compared = await runVerb(['diff', wider, '--only', 'orders'], env)
  expect(compared).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('is not granted (GH_POLICY_NOT_GRANTED)'),
  })
  expect(compared.stdout).toContain('services.orders.upstreams: changed')
})

test('an owner that sends a change based on an earlier revision is refused, and the reply shows nothing about other services', async () => {
  const operator = token('gatehouse:policy', 'operator')
  const changed = seed['web.yaml'].replace('/orders/admin', '/orders/boss')
  const files = Object.entries({ ...seed, 'web.yaml': changed }).map(([name, text]) => ({ name, text }))
  expect(await post('apply', { files }, operator)).toMatchObject({ status: 200, number: 3 })
  const reply = await apply(withRoute({ host, path: '/orders/new' }), { more: { against: 2 } })

  expect(reply).toMatchObject({ status: 409, code: 'policy_conflict' })
  expect(reply.difference).toBeUndefined()
})

test('a caller with the scope gatehouse:policy may change a service with an owner beyond what the owner is granted', async () => {
  const operator = token('gatehouse:policy gatehouse:policy:orders', 'operator')
  const reply = await apply(withRoute({ host: 'api.test', path: '/other' }), { credential: operator })

  expect(reply).toMatchObject({ status: 200, number: 4 })
})
