// docs/design/contract.md §10: for each request, `explain` reports the decision that the gate makes.

import { writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { explanation } from '../../gateway/admin/explanation-shape.ts'
import { explainOffline } from '../../gateway/cli/explain-offline.ts'
import { askedRequest } from '../../gateway/cli/explained-request.ts'
import type { Explanation } from '../../gateway/explain/explanation.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { signingKey } from '../kit/signing-key.ts'
import type { TestNode } from '../kit/test-node.ts'
import { type ReceivedRequest, startUpstream, type TestUpstream } from '../kit/upstream.ts'

const bootstrap = 'b00t.strap_token~of-the+tests/0123456789=='
let issuer: TestIssuer
let upstream: TestUpstream
let node: TestNode
let jwks: string

beforeAll(async () => {
  issuer = await startIssuer()
  upstream = await startUpstream()
  const scopes = (...all: string[]) => ({ scopes: { all } })
  const policy = testPolicy({
    issuer: issuer.url,
    orders: upstream.url,
    ordersEntry: {
      roles: { manager: { claim: 'groups', any: ['managers'] } },
      chunked: 'refuse',
      auth_request_headers: true,
      routes: [
        { id: 'read', match: { path: '/orders/**', methods: ['GET'] }, require: scopes('orders:read') },
        {
          id: 'write',
          match: { path: '/orders/**', methods: ['POST'] },
          require: {
            any: [{ all: [scopes('orders:write'), { roles: { any: ['manager'] } }] }, { not: scopes('orders:read') }],
          },
          body: { max: '100B' },
        },
        { id: 'far', match: { path: '/far/*' }, require: scopes('orders:read'), addresses: { deny: ['127.0.0.0/8'] } },
        { id: 'public', match: { path: '/public/**' }, require: 'public' },
        { id: 'hosted', match: { host: 'hosted.example', path: '/hosted' }, require: 'public' },
      ],
    },
  })
  node = await startNode({
    policy,
    settings: { admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } } },
    env: { BOOTSTRAP: bootstrap },
  })
  jwks = node.folder.file('keys.json')
  writeFileSync(jwks, JSON.stringify({ keys: issuer.keys.map(({ publicJwk }) => publicJwk) }))
})

interface Case {
  readonly method: string
  readonly target: string
  readonly token?: string | undefined
  readonly fields?: readonly (readonly [string, string])[]
}

interface Compared {
  readonly asked: Case
  /** Result of `explain` with a policy file and issuer keys. */
  readonly offline: Explanation
  /** Result of `explain` at the node. */
  readonly live: Explanation
  readonly reply: RawReply
  readonly record: Readonly<Record<string, unknown>>
  readonly received: ReceivedRequest | undefined
}

/** Sends each request to the gate, and explains each request offline and at the node. */
async function compare(cases: readonly Case[]): Promise<Compared[]> {
  const host = `127.0.0.1:${node.port}`
  const sent: Omit<Compared, 'record'>[] = []
  for (const asked of cases) {
    const { method, target, token, fields = [] } = asked
    const before = upstream.requests.length
    const bytes = requestBytes({ method, target, host, fields, ...(token !== undefined && { token }) })
    const reply = await request(node.port, bytes, { head: method === 'HEAD' })
    const received = upstream.requests[before]
    const url = `http://${host}${target}`
    const thought = askedRequest(method, url, {
      ...(token !== undefined && { token }),
      header: fields.map(([name, value]) => `${name}: ${value}`),
      address: '127.0.0.1',
      httpVersion: '1.1',
    })
    const offline = await explainOffline(thought, { policy: node.folder.file('policy.yaml'), jwks })
    const live = await askNode({ method, url, token, fields })
    sent.push({ asked, offline, live, reply, received })
  }
  return Promise.all(
    sent.map(async (one) => {
      const id = one.reply.field('x-request-id')
      return { ...one, record: await node.waitForRecord((record) => record['id'] === id) }
    }),
  )
}

async function askNode(asked: object): Promise<Explanation> {
  const reply = await fetch(`http://127.0.0.1:${node.adminPort}/api/v1/explain`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bootstrap}`, 'content-type': 'application/json' },
    body: JSON.stringify(asked),
  })
  expect(reply.status).toBe(200)
  const document: unknown = await reply.json()
  explanation.parse(document)
  return document as Explanation
}

function expectAgreement({ offline, live, ...compared }: Compared): void {
  expectSame(offline, compared)
  expectSame(live, compared)
}

function expectSame(
  explained: Explanation,
  { asked, reply, record, received }: Omit<Compared, 'offline' | 'live'>,
): void {
  const about = JSON.stringify([asked.method, asked.target, asked.fields])
  expect([about, explained.reason, explained.decision]).toEqual([about, record['reason'], record['decision']])
  expect([about, explained.route?.id, explained.revision]).toEqual([
    about,
    record['route'],
    record['revision'] ?? explained.revision,
  ])
  if (explained.reply === null) {
    expect([about, reply.status, received === undefined]).toEqual([about, 200, false])
    expectSameFields(explained, received!)
    return
  }
  expect([about, reply.status, received]).toEqual([about, explained.reply.status, undefined])
  const challenges = reply.all('www-authenticate').join(', ')
  expect([about, challenges]).toEqual([about, explained.reply.challenge ?? ''])
  expect([about, reply.field('connection') === 'close']).toEqual([about, explained.reply.closes])
  for (const [name, value] of explained.reply.fields) expect([about, reply.field(name)]).toEqual([about, value])
  if (explained.decision === 'refused' && asked.method !== 'HEAD') {
    expect([about, (reply.json() as { code: string }).code]).toEqual([about, explained.reply.code])
  }
}

/**
 * Expects the explanation to list exactly the fields that the service received, except those of the connection and
 * `Content-Length: 0`.
 */
function expectSameFields({ service_receives }: Explanation, received: ReceivedRequest): void {
  const shown = service_receives!
  const ours = received.fields.map(([name, value]) => [name.toLowerCase(), value] as const)
  const ofConnection = (name: string, value: string) =>
    name === 'connection' || (name === 'content-length' && value === '0')
  expect(
    ours
      .filter(([name, value]) => !ofConnection(name, value))
      .map(([name]) => name)
      .sort(),
  ).toEqual(shown.fields.map(({ name }) => name).sort())
  for (const { name, value } of shown.fields)
    if (value !== null) expect([name, received.all(name)]).toEqual([name, [value]])
  expect([received.method, received.url.split('?')[0]]).toEqual([shown.method, shown.path])

  const [assertion] = received.all('x-gatehouse-jwt-assertion')
  const claims = assertion && JSON.parse(Buffer.from(assertion.split('.')[1]!, 'base64url').toString())
  const lasting = ({ jti, iat, exp, ...rest }: Record<string, unknown>) => rest
  expect(claims && lasting(claims)).toEqual(shown.assertion === null ? undefined : lasting(shown.assertion))
}

test('`gatehouse explain` and the gate make the same decisions for 240 combinations of method, target and token', async () => {
  const methods = ['GET', 'HEAD', 'POST', 'DELETE']
  const targets = [
    '/orders/7?a=b',
    '/orders/%37/%2f',
    '/orders//7',
    '/orders/..;/7',
    '/far/a',
    '/public/a',
    '/hosted',
    '/nowhere',
    '/.gatehouse/check',
    '/.well-known/oauth-protected-resource/orders',
  ]
  const tokens = [
    undefined,
    issuer.sign(),
    issuer.sign({ claims: { scope: 'orders:write', groups: ['managers'], email: 'alice@example' } }),
    issuer.sign({ claims: { exp: 1 } }),
    issuer.sign({ claims: { iss: 'https://other.example' } }),
    issuer.sign({ key: { ...signingKey('ES256'), kid: issuer.keys[0]!.kid } }),
  ]
  const cases = methods.flatMap((method) =>
    targets.flatMap((target) => tokens.map((token) => ({ method, target, token }))),
  )
  const compared = await compare(cases)

  for (const one of compared) expectAgreement(one)
  // The cases must lead to the decisions `admitted`, `refused` and `answered`, and to more than 12 reasons.
  expect(new Set(compared.map(({ record }) => record['decision']))).toEqual(
    new Set(['admitted', 'refused', 'answered']),
  )
  expect(new Set(compared.map(({ record }) => record['reason'])).size).toBeGreaterThan(12)
})

test('`gatehouse explain` and the gate make the same decisions on requests with unusual fields, methods and credentials', async () => {
  const token = issuer.sign()
  const one = (...fields: (readonly [string, string])[]): Case => ({
    method: 'GET',
    target: '/orders/7',
    token,
    fields,
  })
  const compared = await compare([
    one(['X-Api-Key', 'k'], ['Cookie', 'a=b'], ['Cookie', 'c=d'], ['Accept', '*/*']),
    one(['X-Request-Id', 'mine']),
    one(['X-Request-Id', 'not mine']),
    one(['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'], ['tracestate', 'a=b']),
    one(['Connection', 'X-Api-Key'], ['X-Api-Key', 'k']),
    one(['X-Forwarded-For', '10.0.0.1'], ['X-Gatehouse-Jwt-Assertion', 'forged'], ['Forwarded', 'for=10.0.0.1']),
    one(['x_auth_request_user', 'root'], ['Client-Cert', ':AA==:'], ['Via', '1.1 before']),
    one(['Authorization', 'Bearer second']),
    one(['Content_Length', '3']),
    one(['Expect', 'something']),
    one(['Trailer', 'x']),
    one(['Upgrade', 'websocket']),
    one(['Content-Type', 'application/grpc']),
    { method: 'GET', target: '/orders/7', fields: [['Authorization', 'Bearer a b']] },
    { method: 'GET', target: '/orders/7', fields: [['Authorization', 'Basic YTpi']] },
    { method: 'GET', target: '/orders/7?access_token=x', fields: [['Authorization', 'Bearer x']] },
    { method: 'GET', target: '/orders/7?access_token=x' },
    { method: 'POST', target: '/orders/7', token, fields: [['Content-Length', '101']] },
    { method: 'POST', target: '/orders/7', token, fields: [['Content-Length', '007']] },
    { method: 'POST', target: '/orders/7', token, fields: [['Transfer-Encoding', 'chunked']] },
    { method: 'TRACE', target: '/orders/7' },
    { method: 'get', target: '/orders/7' },
  ])

  for (const each of compared) expectAgreement(each)
})
