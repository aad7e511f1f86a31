import { randomBytes, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import { recordFields } from '../../gateway/audit/record.ts'
import { auditLines, auditRecords } from '../kit/audit-records.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { freePort } from '../kit/ports.ts'
import { connect, exchange, request, requestBytes } from '../kit/raw-client.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

// Each exchange leaves exactly one audit record, which states the caller, the request, the outcome and its reason. No
// record contains a secret.

const [issuer, upstream, redis, silent] = await Promise.all([
  startIssuer(),
  startUpstream(),
  testRedis(),
  rawUpstream(async (wire) => {
    await wire.rest(60_000)
  }),
])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const bootstrap = randomBytes(32).toString('base64url')
const secret = randomBytes(32).toString('base64url')

const scope = { scopes: { all: ['orders:read'] } }
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      orders: {
        upstreams: [upstream.url],
        routes: [
          {
            id: 'orders',
            match: { path: '/orders/**' },
            require: scope,
            shadow: { require: { clients: { any: ['nobody'] } } },
          },
          { id: 'asked', match: { path: '/asked/**' }, require: 'public', audit: { query: true } },
          { id: 'closed', match: { path: '/closed/**' }, require: 'public', audit: 'closed' },
          { id: 'far', match: { path: '/far' }, require: 'public', addresses: { allow: ['10.0.0.0/8'] } },
        ],
      },
      down: {
        upstreams: [`http://127.0.0.1:${freePort()}`],
        routes: [{ id: 'down', match: { path: '/down/**' }, require: 'public' }],
      },
      silent: {
        upstreams: [silent.url],
        timeouts: { first_byte: '200ms' },
        routes: [{ id: 'silent', match: { path: '/silent/**' }, require: 'public' }],
      },
      patient: {
        upstreams: [silent.url],
        routes: [{ id: 'patient', match: { path: '/patient/**' }, require: 'public' }],
      },
    },
  },
  settings: {
    redis: { url: `redis://127.0.0.1:${redis.port}` },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
  },
  env: { BOOTSTRAP: bootstrap },
})

/** Returns the records of exchanges whose path starts with `path`, after all earlier exchanges are in the audit log. */
async function recordsOf(path: string): Promise<AuditRecord[]> {
  const mark = `/${randomUUID()}`
  await request(node.port, requestBytes({ target: mark }))
  const records = await auditRecords(link, (record) => record['url.path'] === mark)
  return records.filter((record) => String(record['url.path']).startsWith(path))
}

test('the audit record of an admitted exchange states caller, request, outcome and duration', async () => {
  const fields = [
    ['User-Agent', 'curl/8.14'],
    ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ] as const
  const token = issuer.sign({ claims: { sid: 'session-7' } })
  const reply = await request(
    node.port,
    requestBytes({ method: 'PUT', target: '/orders/one?a=1', token, fields, body: 'four' }),
  )

  expect(await recordsOf('/orders/one')).toEqual([
    {
      id: expect.stringMatching(/^node-under-test\.[0-9a-f]{12}-[0-9]+$/),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      kind: 'exchange',
      'gatehouse.node': 'node-under-test',
      'gatehouse.service': 'orders',
      'gatehouse.route': 'orders',
      'gatehouse.policy.revision': expect.stringMatching(/^[0-9a-f]{12}$/),
      'gatehouse.issuer': issuer.url,
      'user.id': 'alice',
      'gatehouse.client': 'reader',
      'session.id': 'session-7',
      'client.address': '127.0.0.1',
      'user_agent.original': 'curl/8.14',
      'server.address': 'api.test',
      'http.request.method': 'PUT',
      'url.path': '/orders/one',
      'gatehouse.request.id': reply.field('x-request-id'),
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      'gatehouse.decision': 'admitted',
      'gatehouse.reason': 'admitted',
      'gatehouse.shadow': 'client-not-allowed',
      'http.response.status_code': 200,
      'http.request.body.size': 4,
      'http.response.body.size': expect.any(Number),
      'gatehouse.gate_ms': expect.any(Number),
      'gatehouse.total_ms': expect.any(Number),
      'gatehouse.upstream': upstream.url,
      'gatehouse.upstream_ms': expect.any(Number),
    },
  ])
})

test('the gate writes exactly one audit record, with the reason of the decision, for each of ten kinds of exchange', async () => {
  const token = issuer.sign()
  const prefix = `/orders/${randomUUID()}`
  const send = (target: string, parts: object = {}) => request(node.port, requestBytes({ target, ...parts }))
  await send(`${prefix}/a`)
  await send(`${prefix}/b`, { token: 'x' })
  await send(`${prefix}/c`, { token: issuer.sign({ claims: { scope: '' } }) })
  await send(`${prefix}/d?access_token=x`, { token })
  await send('/far')
  await send('/.well-known/gatehouse/jwks.json')
  await send('/down/1')
  await send('/silent/1')
  await exchange(node.port, `GET ${prefix}/../e HTTP/1.1\r\nHost: a\r\n\r\n`)
  const gone = await connect(node.port)
  await gone.send(requestBytes({ target: '/patient/gone' }))
  gone.close()
  // The node notices only after some time that a client has disconnected.
  await auditRecords(link, (record) => record['url.path'] === '/patient/gone')

  const seen = (await recordsOf('/')).map((each) => [each['url.path'], each['gatehouse.reason']])
  for (const expected of [
    [`${prefix}/a`, 'credential-missing'],
    [`${prefix}/b`, 'token-malformed'],
    [`${prefix}/c`, 'scope-missing'],
    [`${prefix}/d`, 'credential-repeated'],
    [`${prefix}/../e`, 'path-dot-segment'],
    ['/far', 'address-denied'],
    ['/.well-known/gatehouse/jwks.json', 'answered'],
    ['/down/1', 'upstream-unreachable'],
    ['/silent/1', 'upstream-timeout'],
    ['/patient/gone', 'client-gone'],
  ]) {
    expect(seen.filter(([path]) => path === expected[0])).toEqual([expected])
  }
})

test('an audit record contains the query only if the route enables it, and without the values of credential parameters', async () => {
  const query = `page=2&access_token=${secret}&CODE=${secret}&%63lient_secret=${secret}&q=a%20b`
  await request(node.port, requestBytes({ target: `/asked/q?${query}` }))
  await request(node.port, requestBytes({ target: `/closed/q?${query}` }))

  const [asked] = await recordsOf('/asked/q')
  expect(asked?.['url.query']).toBe('page=2&access_token=(withheld)&CODE=(withheld)&%63lient_secret=(withheld)&q=a%20b')
  const [closed] = await recordsOf('/closed/q')
  expect(closed).toMatchObject({ 'gatehouse.route': 'closed', 'gatehouse.reason': 'admitted' })
  expect(closed).not.toHaveProperty('url.query')
})

const post = { method: 'POST', fields: [['Content-Type', 'application/json'] as const], host: 'localhost' }

test('the node writes one audit record for each call of the admin API, even a rejected call, and the record of a revocation names the revoked credential', async () => {
  const target = '/api/v1/revocations'
  const subject = `mallory-${randomUUID()}`
  const body = JSON.stringify({ kind: 'subject', id: subject, reason: 'left' })
  const token = JSON.stringify({ kind: 'token', token: issuer.sign({ claims: { sub: 'eve' } }) })
  const replies = [
    await request(node.adminPort, requestBytes({ ...post, target, token: bootstrap, body })),
    await request(node.adminPort, requestBytes({ ...post, target, token: bootstrap, body: token })),
    await request(node.adminPort, requestBytes({ ...post, target, token: secret, body })),
    await request(node.adminPort, requestBytes({ target: '/status', host: 'localhost', token: bootstrap })),
  ]

  const ids = replies.map((reply) => reply.field('x-request-id'))
  const ofCalls = (record: AuditRecord) => ids.includes(record['gatehouse.request.id'] as string)
  const calls = (await recordsOf('/')).filter(ofCalls)
  const { id } = JSON.parse(replies[0]!.text) as { id: string }
  expect(calls).toMatchObject([
    {
      kind: 'revocation',
      'user.id': 'bootstrap',
      'client.address': '127.0.0.1',
      'gatehouse.operation': 'revoke',
      'gatehouse.revocation.id': id,
      'gatehouse.revocation.kind': 'subject',
      'gatehouse.revocation.target': subject,
      'gatehouse.revocation.reason': 'left',
      'gatehouse.decision': 'admitted',
    },
    { kind: 'revocation', 'gatehouse.revocation.kind': 'token' },
    {
      kind: 'admin',
      'url.path': target,
      'http.response.status_code': 401,
      'gatehouse.decision': 'refused',
      'gatehouse.reason': 'invalid_token',
    },
    { kind: 'admin', 'gatehouse.operation': 'show_status', 'http.response.status_code': 200 },
  ])
})

test('the audit log contains no secret and no undocumented field', async () => {
  const lines = await auditLines(link)
  const text = lines.map(({ line }) => line).join('\n')

  for (const each of [secret, bootstrap, issuer.sign().split('.')[0]!]) expect(text).not.toContain(each)
  for (const { record } of lines) {
    for (const field of Object.keys(record)) expect(Object.keys(recordFields)).toContain(field)
  }
})

test('a node writes the closing record of its audit chain when it stops gracefully', async () => {
  await node.stop()

  const records = (await auditLines(link)).map(({ record }) => record)
  expect(records[0]).toMatchObject({ kind: 'chain.open', 'gatehouse.node': 'node-under-test' })
  expect(records.at(-1)).toMatchObject({ kind: 'chain.close', 'gatehouse.lost': 0 })
  expect(records.map(({ id }) => Number(id.split('-').at(-1)))).toEqual(records.map((_, i) => i + 1))
})
