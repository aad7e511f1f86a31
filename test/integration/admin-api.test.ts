import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { type RawReply, readReply } from '../kit/raw-reply.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// docs/design/contract.md §11: authentication, input validation and log lines of the admin API. Attack cases S-118, S-119, S-120, S-124.

const [issuer, adminIssuer, orders] = await Promise.all([startIssuer(), startIssuer(), startUpstream()])
const bootstrap = 'b00t.strap_token~of-the+tests/0123456789=='
const adminAudience = 'https://gate.test/admin'
const node = await startNode({
  policy: testPolicy({ issuer: issuer.url, orders: orders.url, ordersEntry: { encoded_slashes: 'keep' } }),
  settings: {
    admin: {
      listen: '127.0.0.1:0',
      issuer: { issuer: adminIssuer.url, audience: [adminAudience] },
      bootstrap_token: { env: 'BOOTSTRAP' },
    },
  },
  env: { BOOTSTRAP: bootstrap },
})

interface Call {
  readonly method?: string
  readonly target?: string
  readonly token?: string
  readonly fields?: readonly (readonly [string, string])[]
  readonly body?: string
  readonly port?: number
}

const json = ['Content-Type', 'application/json'] as const

function call({ port = node.adminPort, target = '/status', ...parts }: Call): Promise<RawReply> {
  return request(port, requestBytes({ target, host: 'localhost', ...parts }), { head: parts.method === 'HEAD' })
}

const post = (body: string, more: Call = {}) =>
  call({ method: 'POST', target: '/api/v1/revocations', token: bootstrap, fields: [json], body, ...more })

/** Returns an access token of the admin issuer. */
const adminToken = (scope: string, claims: object = {}) =>
  adminIssuer.sign({ claims: { aud: adminAudience, sub: 'olga', client_id: 'console', scope, ...claims } })

const documentOf = (reply: RawReply) => JSON.parse(reply.text) as Record<string, unknown>

async function expectProblem(reply: RawReply, status: number, code: string, challenge?: string): Promise<void> {
  expect([reply.status, documentOf(reply)['code']]).toEqual([status, code])
  expect(reply.field('content-type')).toBe('application/problem+json')
  expect(reply.field('www-authenticate')).toBe(challenge)
  const { type, title, detail, instance } = documentOf(reply)
  for (const member of [type, title, detail, instance]) expect(member).toMatch(/\S/)
  expect(instance).toBe(reply.field('x-request-id'))
}

/** Returns the log line that the node wrote about a call of the admin API. */
function lineOf(reply: RawReply) {
  return node.waitForLine(({ msg, id }) => msg === 'admin call' && id === reply.field('x-request-id'))
}

const everywhere = ['/status', '/api', '/api/', '/api/v1/nodes', '/api/v1/openapi.json', '/api/v1/nowhere']

test.each(everywhere)(
  'the admin API replies 401 to a request for %s without a token, whether or not the path exists',
  async (target) => {
    await expectProblem(await call({ target }), 401, 'credential_required', 'Bearer')
  },
)

test('the admin API does not accept Basic authentication, a cookie or a query parameter as a credential (S-118)', async () => {
  for (const field of [
    ['Authorization', `Basic ${btoa(`bootstrap:${bootstrap}`)}`],
    ['Cookie', `token=${bootstrap}`],
  ] as const) {
    await expectProblem(await call({ fields: [field] }), 401, 'credential_required', 'Bearer')
  }
  await expectProblem(await call({ target: `/status?access_token=${bootstrap}` }), 401, 'credential_required', 'Bearer')
})

test('the admin API replies 400 to a request with two Authorization fields or with a malformed one', async () => {
  const twice = [['Authorization', 'Bearer x'] as const, ['Authorization', `Bearer ${bootstrap}`] as const]
  await expectProblem(await call({ fields: twice }), 400, 'invalid_request')
  await expectProblem(await call({ fields: [['Authorization', 'Bearer']] }), 400, 'invalid_request')
})

const key = adminIssuer.keys[0]!
test.each([
  ['part of the bootstrap token', () => bootstrap.slice(0, -1)],
  ['more than the bootstrap token', () => `${bootstrap}x`],
  ['the bootstrap token in capitals', () => bootstrap.toUpperCase()],
  ['a token of the policy’s issuer', () => issuer.sign({ claims: { scope: 'gatehouse:admin', aud: adminAudience } })],
  ['a token for the gate (wrong audience)', () => adminToken('gatehouse:admin', { aud: testAudience })],
  ['a token that is bound to a key', () => adminToken('gatehouse:admin', { cnf: { jkt: 'A'.repeat(43) } })],
  ['an expired token', () => adminToken('gatehouse:admin', { exp: Math.floor(Date.now() / 1000) - 60 })],
  [
    'a token signed by another issuer',
    () => issuer.sign({ header: { kid: key.kid }, claims: { iss: adminIssuer.url, aud: adminAudience } }),
  ],
  [
    'a token that is no access token (typ JWT)',
    () => adminIssuer.sign({ header: { typ: 'JWT' }, claims: { aud: adminAudience } }),
  ],
])('S-120: the admin API replies 401 invalid_token to a call with %s', async (_, tokenOf) => {
  await expectProblem(await call({ token: tokenOf() }), 401, 'invalid_token', 'Bearer error="invalid_token"')
})

const insufficient = (scope: string) => `Bearer error="insufficient_scope", scope="${scope}"`

/**
 * Required scope of each operation of the admin API. Written by hand, because the test must not read the scopes from
 * the code that it checks.
 */
const demanded = [
  ['GET', '/status', 'gatehouse:read'],
  ['GET', '/api/v1/nodes', 'gatehouse:read'],
  ['GET', '/api/v1/queues', 'gatehouse:read'],
  ['GET', '/api/v1/expiries', 'gatehouse:read'],
  ['GET', '/api/v1/doctor', 'gatehouse:read'],
  ['POST', '/api/v1/explain', 'gatehouse:read'],
  ['POST', '/api/v1/policy/diff', 'gatehouse:read'],
  ['POST', '/api/v1/policy/apply', 'gatehouse:policy'],
  ['POST', '/api/v1/policy/rollback', 'gatehouse:policy'],
  ['GET', '/api/v1/policy/rollout', 'gatehouse:read'],
  ['POST', '/api/v1/policy/rollout/promote', 'gatehouse:policy'],
  ['POST', '/api/v1/policy/rollout/abort', 'gatehouse:policy'],
  ['GET', '/api/v1/policy/revisions', 'gatehouse:read'],
  ['GET', '/api/v1/policy/revisions/{number}', 'gatehouse:read'],
  ['GET', '/api/v1/openapi.json', 'gatehouse:read'],
  ['GET', '/api/v1/traffic', 'gatehouse:read'],
  ['GET', '/api/v1/traces', 'gatehouse:read'],
  ['GET', '/api/v1/traces/{trace_id}', 'gatehouse:read'],
  ['POST', '/api/v1/nodes/accept-loss', 'gatehouse:admin'],
  ['POST', '/api/v1/revocations', 'gatehouse:revoke'],
  ['GET', '/api/v1/limits', 'gatehouse:limits'],
  ['POST', '/api/v1/limits/reset', 'gatehouse:limits'],
  ['GET', '/api/v1/audit/records', 'gatehouse:audit'],
  ['GET', '/api/v1/audit/stream', 'gatehouse:audit'],
  ['GET', '/api/v1/audit/tail', 'gatehouse:audit'],
  ['GET', '/api/v1/exchanges/{id}', 'gatehouse:audit'],
  ['GET', '/api/v1/audit/sinks', 'gatehouse:audit'],
  ['POST', '/api/v1/audit/sinks/forget', 'gatehouse:admin'],
  ['POST', '/api/v1/audit/replays', 'gatehouse:audit'],
  ['GET', '/api/v1/audit/verification', 'gatehouse:audit'],
  ['GET', '/api/v1/sessions', 'gatehouse:sessions'],
  ['POST', '/api/v1/sessions/end', 'gatehouse:sessions'],
  ['GET', '/api/v1/streams', 'gatehouse:read'],
  ['GET', '/api/v1/cluster/streams', 'gatehouse:read'],
  ['POST', '/api/v1/streams/end', 'gatehouse:revoke'],
  ['GET', '/api/v1/upstreams', 'gatehouse:read'],
  ['POST', '/api/v1/upstreams/drain', 'gatehouse:admin'],
  ['POST', '/api/v1/upstreams/undrain', 'gatehouse:admin'],
  ['GET', '/api/v1/keys', 'gatehouse:read'],
  ['POST', '/api/v1/keys/rotate', 'gatehouse:admin'],
  ['GET', '/api/v1/secrets', 'gatehouse:read'],
] as const

test('S-120: this test file lists the required scope of every operation of the admin API', async () => {
  const { paths } = documentOf(await call({ target: '/api/v1/openapi.json', token: bootstrap })) as {
    paths: Record<string, object>
  }
  const there = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(there.sort()).toEqual(demanded.map(([method, path]) => `${method} ${path}`).sort())
})

test.each(demanded)(
  'the admin API rejects %s %s with a token that has every other scope, and accepts it with the scope %s',
  async (method, path, scope) => {
    const target = path.replace('{trace_id}', 'a'.repeat(32)).replace('{number}', '1').replace('{id}', 'r1')
    const others =
      'orders:read gatehouse:read gatehouse:revoke gatehouse:limits gatehouse:sessions gatehouse:audit gatehouse:policy gatehouse:admins gatehouse'
    const token = adminToken(others.replace(`${scope} `, ''))
    await expectProblem(await call({ method, target, token }), 403, 'insufficient_scope', insufficient(scope))

    for (const enough of [scope, 'gatehouse:admin']) {
      const { status } = await call({
        method,
        target,
        token: adminToken(enough),
        fields: [json],
        body: method === 'POST' ? '{}' : '',
      })
      expect([200, 400, 404, 409]).toContain(status)
    }
    expect((await call({ method, target, token: bootstrap, fields: [json], body: '{}' })).status).not.toBe(403)
  },
)

test('explaining a decision for a login session by the admin API needs the scope for sessions too, and an unknown session is an invalid request', async () => {
  const body = JSON.stringify({ method: 'GET', url: '/', session: '0'.repeat(32) })
  const explain = (scope: string) =>
    call({ method: 'POST', target: '/api/v1/explain', token: adminToken(scope), fields: [json], body })

  const refused = await explain('gatehouse:read')
  await expectProblem(refused, 403, 'insufficient_scope', insufficient('gatehouse:sessions'))
  const unknown = await explain('gatehouse:read gatehouse:sessions')
  expect([unknown.status, documentOf(unknown)]).toMatchObject([400, { code: 'invalid_request' }])
})

test('the node writes one log line for each call of the admin API, with caller, operation and status, and never with a token', async () => {
  const token = adminToken('gatehouse:read')
  const read = await lineOf(await call({ token }))
  expect(read).toMatchObject({
    level: 'info',
    operation: 'show_status',
    status: 200,
    who: 'olga',
    client: 'console',
    credential: 'access token',
    address: '127.0.0.1',
  })
  expect(await lineOf(await call({ token: bootstrap }))).toMatchObject({
    who: 'bootstrap',
    credential: 'bootstrap token',
  })
  expect(await lineOf(await call({ token: 'x' }))).toMatchObject({
    level: 'warn',
    operation: null,
    status: 401,
    problem: 'invalid_token',
    who: null,
  })
  const victim = issuer.sign()
  await post(JSON.stringify({ kind: 'token', token: victim, reason: 'stolen' }))
  await post(JSON.stringify({ kind: 'token', token: victim, [victim]: 1 }))
  const last = await lineOf(await post(victim))

  expect(last).toMatchObject({ operation: 'revoke', status: 400 })
  const log = JSON.stringify(node.log)
  for (const secret of [bootstrap, token, victim, victim.split('.')[2]!]) expect(log).not.toContain(secret)
})

test.each([
  ['text/plain', '{}'],
  ['application/x-www-form-urlencoded', 'kind=token'],
  ['multipart/form-data', '{}'],
  ['application/json; charset=utf-16', '{}'],
  ['application/jsonx', '{}'],
  ['', '{}'],
])('S-118: the admin API replies 415 to a POST with content type "%s"', async (type, body) => {
  const reply = await post(body, { fields: type === '' ? [] : [['Content-Type', type]] })
  await expectProblem(reply, 415, 'unsupported_media_type')
})

test.each(['https://evil.example', 'http://localhost.evil.example', 'null', 'http://localhost:1'])(
  'S-118: the admin API replies 403 to a call with the Origin %s of another web page, even with a valid token',
  async (origin) => {
    await expectProblem(await call({ token: bootstrap, fields: [['Origin', origin]] }), 403, 'forbidden')
  },
)

test('the admin API replies 403 to a CORS preflight of another origin, and accepts a call from its own origin', async () => {
  const preflight = await call({ method: 'OPTIONS', fields: [['Origin', 'https://evil.example']] })
  expect(preflight.status).toBe(403)
  expect(preflight.fields.filter(([name]) => /^access-control/i.test(name))).toEqual([])
  expect((await call({ token: bootstrap, fields: [['Origin', 'http://localhost']] })).status).toBe(200)
})

test('S-119: the admin API replies 421 to a call with a foreign Host, even with a valid token', async () => {
  const reply = await request(
    node.adminPort,
    requestBytes({ target: '/status', host: 'evil.example', token: bootstrap }),
  )
  expect(reply.status).toBe(421)
})

test('the admin API replies 404 to an unknown path, and 405 with Allow to a wrong method', async () => {
  await expectProblem(await call({ target: '/api/v1/nowhere', token: bootstrap }), 404, 'not_found')
  await expectProblem(await call({ target: '/api/v1/nodes/', token: bootstrap }), 404, 'not_found')
  const wrong = await call({ method: 'DELETE', target: '/api/v1/revocations', token: bootstrap })
  await expectProblem(wrong, 405, 'method_not_allowed')
  expect(wrong.field('allow')).toBe('POST')
  expect(await call({ method: 'HEAD', token: bootstrap })).toMatchObject({ status: 200, text: '' })
})

test.each(['/api/v1/%6eodes', '/api/v1/nodes%2f', '/api/%', '/api/v1/nodes#x', '/api//v1/nodes', '/api/v1/Nodes'])(
  'the admin API replies 404 to the path %s, which is another spelling of an operation',
  async (target) => {
    await expectProblem(await call({ target, token: bootstrap }), 404, 'not_found')
    await expectProblem(await call({ target }), 401, 'credential_required', 'Bearer')
  },
)

test.each(['PUT', 'PROPFIND', 'TRACE', 'QUERY'])(
  'the admin API replies 405 with Allow: GET to the method %s on the path of one trace',
  async (method) => {
    const wrong = await call({ method, target: `/api/v1/traces/${'a'.repeat(32)}`, token: bootstrap })
    await expectProblem(wrong, 405, 'method_not_allowed')
    expect(wrong.field('allow')).toBe('GET')
  },
)

test('the admin API ignores the fields Accept-Version, X-Request-Id and Accept of a request', async () => {
  const fields = [
    ['Accept-Version', '9'],
    ['X-Request-Id', 'chosen-by-the-client'],
    ['Accept', 'text/html'],
  ] as const
  const reply = await call({ token: bootstrap, fields })

  expect(reply.status).toBe(200)
  expect(reply.field('content-type')).toBe('application/json')
  expect(reply.field('x-request-id')).not.toBe('chosen-by-the-client')
  expect(reply.field('cache-control')).toBe('no-store')
  expect(reply.field('x-content-type-options')).toBe('nosniff')
  for (const banner of ['server', 'x-powered-by']) expect(reply.field(banner)).toBeUndefined()
})

test('the admin API replies 401 to a call whose token expires while the body is read, and does not carry the call out', async () => {
  // The node accepts a token of the admin issuer until 5 s after its `exp` (clock tolerance).
  const expS = Math.floor(Date.now() / 1000) - 2
  const body = '{"kind":"jti","id":"j-1","issuer":"main"}'
  const wire = await connect(node.adminPort)
  await wire.send(
    requestBytes({
      method: 'POST',
      target: '/api/v1/revocations',
      host: 'localhost',
      token: adminToken('gatehouse:admin', { exp: expS }),
      fields: [json, ['Content-Length', String(body.length)]],
    }),
  )
  await until('the token has expired', () => Date.now() >= (expS + 5) * 1000)
  await wire.send(body)
  const reply = (await readReply(wire))!
  wire.close()

  await expectProblem(reply, 401, 'invalid_token', 'Bearer error="invalid_token"')
})

const kinds = 'token, jti, session, subject, client, issuer'
test.each<[string, string, string, string]>([
  ['no kind', '{}', '/kind', `must be one of ${kinds}`],
  ['an unknown kind', '{"kind":"user"}', '/kind', `must be one of ${kinds}`],
  ['an unknown member', '{"kind":"jti","id":"x","isuer":"main"}', '/isuer', 'is not a known member'],
  ['a member of another kind', '{"kind":"token","token":"x","id":"y"}', '/id', 'is not a known member'],
  ['S-124: __proto__', '{"kind":"jti","id":"x","__proto__":{"kind":"token"}}', '/__proto__', 'is not a known member'],
  ['S-124: constructor', '{"kind":"jti","id":"x","constructor":1}', '/constructor', 'is not a known member'],
  ['a member with a slash', '{"kind":"jti","id":"x","a/b~c":1}', '/a~1b~0c', 'is not a known member'],
  ['no id', '{"kind":"subject"}', '/id', 'is required'],
  ['an id of another type', '{"kind":"subject","id":7}', '/id', 'must be of type string'],
  ['an empty id', '{"kind":"subject","id":""}', '/id', 'must not be empty'],
  [
    'a reason with a line end',
    '{"kind":"jti","id":"x","reason":"a\\nb"}',
    '/reason',
    'must be 1 to 200 visible characters',
  ],
  [
    'a time without a zone',
    '{"kind":"issuer","issuer":"main","before":"2026-01-01T00:00:00"}',
    '/before',
    'must be a time such as 2030-01-31T12:00:00Z (RFC 3339)',
  ],
])(
  'the admin API replies 400 to a revocation with %s, and names the place as a JSON pointer',
  async (_, body, pointer, detail) => {
    const reply = await post(body)
    await expectProblem(reply, 400, 'invalid_request')
    expect(documentOf(reply)['errors']).toEqual([{ pointer, detail }])
  },
)

test('one reply of the admin API lists all errors of a request body', async () => {
  const reply = await post('{"kind":"jti","a":1,"b":2}')
  expect(documentOf(reply)['errors']).toHaveLength(3)
})

test.each([
  ['truncated JSON', '{"kind"'],
  ['a list', '[]'],
  ['null', 'null'],
  ['empty', ''],
  ['an object with a duplicate member', '{"kind":"jti","id":"x","id":"y"}'],
  ['an object with a duplicate member, once escaped', '{"kind":"jti","id":"x","\\u0069d":"y"}'],
  ['nested 5000 levels deep', `{"kind":${'['.repeat(5000)}${']'.repeat(5000)}}`],
])('the admin API replies 400 to a body that is %s, and the connection stays open', async (_, body) => {
  const reply = await post(body)
  await expectProblem(reply, 400, 'invalid_request')
  expect(reply.field('connection')).toBe('keep-alive')
})

test.each([
  ['wait=some', 'wait'],
  ['wait=2', 'wait'],
  ['wait=6m', 'wait'],
  ['wait=0x1s', 'wait'],
  ['wait=all&wait=all', 'wait'],
  ['wait=', 'wait'],
  ['durable=true', 'durable'],
  ['wiat=all', 'wiat'],
  ['__proto__=1', '__proto__'],
])('the admin API replies 400 to the query %s, and the error names the parameter', async (query, parameter) => {
  const reply = await post('{"kind":"jti","id":"x"}', { target: `/api/v1/revocations?${query}` })
  await expectProblem(reply, 400, 'invalid_request')
  expect(documentOf(reply)['errors']).toMatchObject([{ parameter }])
})

/** Begins a call with a body of this size. Sends no byte of the body. */
async function beginLarge(bytes: number) {
  const wire = await connect(node.adminPort)
  const fields = [json, ['Content-Length', String(bytes)]] as const
  await wire.send(
    requestBytes({ method: 'POST', target: '/api/v1/revocations', host: 'localhost', token: bootstrap, fields }),
  )
  return wire
}

test('the admin API replies 413 to a body above 64 KiB before it reads the body, discards the body, and keeps the connection', async () => {
  const wire = await beginLarge(70_000)
  await expectProblem((await readReply(wire))!, 413, 'content_too_large')
  await wire.send('x'.repeat(70_000))
  await wire.send(requestBytes({ method: 'GET', target: '/status', host: 'localhost', token: bootstrap }))
  expect((await readReply(wire))!.status).toBe(200)
})

test('the admin API replies 413 to a body that is above 16 MiB or has no Content-Length, and closes the connection', async () => {
  const huge = (await readReply(await beginLarge(17 * 1024 * 1024)))!
  await expectProblem(huge, 413, 'content_too_large')
  expect(huge.field('connection')).toBe('close')

  const chunked = await connect(node.adminPort)
  await chunked.send(
    requestBytes({
      method: 'POST',
      target: '/api/v1/revocations',
      host: 'localhost',
      token: bootstrap,
      fields: [json, ['Transfer-Encoding', 'chunked']],
    }),
  )
  await chunked.send(`11170\r\n${'x'.repeat(70_000)}\r\n`)
  await expectProblem((await readReply(chunked))!, 413, 'content_too_large')
})

test('the admin API reads a request body of exactly 64 KiB', async () => {
  const filler = ' '.repeat(64 * 1024 - 2)
  await expectProblem(await post(`{${filler}}`), 400, 'invalid_request')
})

test.each([
  ['GET', '/api/v1/nodes'],
  ['POST', '/api/v1/nodes/accept-loss'],
  ['POST', '/api/v1/revocations'],
  ['GET', '/api/v1/limits?scope=cluster'],
  ['GET', '/api/v1/streams?scope=cluster'],
])('the admin API of a node without Redis replies 409 to %s %s and names redis.url', async (method, target) => {
  const body = target.endsWith('revocations') ? '{"kind":"jti","id":"x"}' : '{}'
  const reply = await call({ method, target, token: bootstrap, ...(method === 'POST' && { fields: [json], body }) })
  await expectProblem(reply, 409, 'cluster_unavailable')
  expect(documentOf(reply)).toMatchObject({
    detail: expect.stringContaining('without Redis'),
    hint: expect.stringContaining('redis.url'),
  })
})

test('/status of the admin API shows the state of the node and the relaxations of its policy (settings that weaken security)', async () => {
  await expect
    .poll(async () => documentOf(await call({ token: bootstrap })))
    .toMatchObject({
      node: 'node-under-test',
      ready: true,
      policy: { services: 1, routes: 3, rejected: 0, revision: expect.stringMatching(/^[0-9a-f]{12}$/) },
      relaxations: ['services.orders.encoded_slashes: keep'],
      warnings: [],
      issuers: [{ name: 'main', keys: 1, outcome: 'succeeded', error: null }],
      upstreams: [{ service: 'orders', origin: orders.url, protocol: 'http1', resting: false, state: 'up', weight: 1 }],
      cluster: null,
    })
  const listening = await node.waitForLine(({ msg }) => msg === 'node started')
  expect(listening['relaxations']).toEqual(['services.orders.encoded_slashes: keep'])
})

test('while the admin issuer is unreachable, the admin API replies 503 to its tokens and accepts the bootstrap token', async () => {
  const down = `http://127.0.0.1:${freePort()}`
  const alone = await startNode({
    policy: testPolicy({ issuer: issuer.url, orders: orders.url }),
    settings: {
      admin: {
        listen: '127.0.0.1:0',
        issuer: { issuer: down, audience: [adminAudience] },
        bootstrap_token: { env: 'BOOTSTRAP' },
      },
    },
    env: { BOOTSTRAP: bootstrap },
  })
  const reply = await call({ port: alone.adminPort, token: adminToken('gatehouse:read', { iss: down }) })
  await expectProblem(reply, 503, 'unavailable')
  expect(reply.field('retry-after')).toBe('1')
  expect((await call({ port: alone.adminPort, token: bootstrap })).status).toBe(200)
})

test('the admin API of a node without admin issuer and bootstrap token accepts no token and names the settings to change', async () => {
  const closed = await startNode({ policy: testPolicy({ issuer: issuer.url, orders: orders.url }) })
  const reply = await call({ port: closed.adminPort })
  await expectProblem(reply, 401, 'credential_required', 'Bearer')
  expect(documentOf(reply)['hint']).toContain('admin.bootstrap_token')
  await expectProblem(
    await call({ port: closed.adminPort, token: bootstrap }),
    401,
    'invalid_token',
    'Bearer error="invalid_token"',
  )
})

test('the admin API still replies after 300 concurrent connections have been opened and closed', async () => {
  const wires = await Promise.all(Array.from({ length: 300 }, () => connect(node.adminPort).catch(() => undefined)))
  for (const wire of wires) wire?.close()
  await expect.poll(async () => (await call({ token: bootstrap }).catch(() => undefined))?.status).toBe(200)
})

test('the admin API limits calls without a valid token per address (429), and the node does not log each of these calls', async () => {
  const flooded = await startNode({
    policy: testPolicy({ issuer: issuer.url, orders: orders.url }),
    settings: { admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } } },
    env: { BOOTSTRAP: bootstrap },
  })
  const ask = (token?: string) => call({ port: flooded.adminPort, ...(token !== undefined && { token }) })
  const flood = async (token?: string) => {
    const statuses: number[] = []
    for (let round = 0; round < 4; round++) {
      const replies = await Promise.all(Array.from({ length: 30 }, () => ask(token)))
      statuses.push(...replies.map(({ status }) => status))
    }
    return statuses
  }

  expect((await ask(bootstrap)).status).toBe(200)
  const without = await flood()
  const wrong = await flood(`${bootstrap.slice(0, -3)}x==`)
  const others = await Promise.all(Array.from({ length: 30 }, () => ask(`${bootstrap.slice(0, -3)}y==`)))
  const limited = others.find(({ status }) => status === 429)!

  for (const statuses of [without, wrong]) expect(new Set(statuses)).toEqual(new Set([401, 429]))
  await expectProblem(limited, 429, 'too_many_requests')
  expect(limited.field('retry-after')).toBe('1')
  // The bootstrap token was accepted from this address before, so it is exempt from the limit.
  expect((await ask(bootstrap)).status).toBe(200)
  await flooded.waitForLine(
    ({ msg }) =>
      msg ===
      'admin API calls of unauthenticated callers are only counted, not logged one by one: their rate is too high',
  )
  const metrics = await readMetrics(flooded.adminPort)
  const unrecorded = metrics.sum('gatehouse_admin_calls_unrecorded_total', {})
  expect(unrecorded).toBeGreaterThan(0)
  await until('every other call has a log line', () => {
    const lines = flooded.log.filter(({ msg, who }) => msg === 'admin call' && who === null)
    return lines.length === 270 - unrecorded
  })
})
