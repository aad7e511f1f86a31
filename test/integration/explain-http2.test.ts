import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { explanation } from '../../gateway/admin/explanation-shape.ts'
import { explainOffline } from '../../gateway/cli/explain-offline.ts'
import { askedRequest } from '../../gateway/cli/explained-request.ts'
import type { Explanation } from '../../gateway/explain/explanation.ts'
import { grpcMessage } from '../kit/grpc-wire.ts'
import { bodyOf, Http2Service, type ServiceStream } from '../kit/http2-service.ts'
import { Http2Session, type SessionReply } from '../kit/http2-session.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'

// docs/design/contract.md §10: for each request over HTTP/2, `explain` reports the decision that the gate makes.

const bootstrap = 'b00t.strap_token~of-the+tests/0123456789=='
const [issuer, service] = await Promise.all([
  startIssuer(),
  Http2Service.start({ onStream: (received) => void serve(received).catch(() => undefined) }),
])
const scopes = (...all: string[]) => ({ scopes: { all } })
const admin = { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } }
const node = await startNode({
  policy: testPolicy({
    issuer: issuer.url,
    orders: service.url,
    ordersEntry: {
      protocol: 'h2c',
      routes: [
        { id: 'rpc', match: { grpc: 'demo.Orders/*' }, require: scopes('orders:read') },
        { id: 'plain', match: { path: '/orders/**' }, require: scopes('orders:read'), body: { max: '100B' } },
        { id: 'public', match: { path: '/public/**' }, require: 'public' },
      ],
    },
  }),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false }, admin },
  env: { BOOTSTRAP: bootstrap },
})
const jwks = node.folder.file('keys.json')
writeFileSync(jwks, JSON.stringify({ keys: issuer.keys.map(({ publicJwk }) => publicJwk) }))
const client = new Http2Session(node.http2Port)
const host = `127.0.0.1:${node.port}`

async function serve({ stream }: ServiceStream): Promise<void> {
  await bodyOf(stream)
  stream.respond({ ':status': 200 }, { endStream: true })
}

interface Case {
  readonly method: string
  readonly target: string
  readonly token?: string | undefined
  readonly fields: Readonly<Record<string, string>>
}

async function send({ method, target, token, fields }: Case): Promise<SessionReply> {
  const isCall = fields['content-type'] === 'application/grpc'
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const head = { ':method': method, ':authority': host, ':path': target, ...authorization, ...fields }
  return client.send(head, isCall ? grpcMessage('ask') : undefined).reply
}

interface Compared {
  readonly asked: Case
  readonly reply: SessionReply
  readonly received: ServiceStream | undefined
  readonly explained: Explanation
}

/** Sends a request over HTTP/2, and asks the node to explain the same request. */
async function compare(asked: Case): Promise<Compared> {
  const { method, target, token, fields } = asked
  const before = service.received.length
  const reply = await send(asked)
  const received = service.received[before]
  const url = `http://${host}${target}`
  const explained = await askNode({ method, url, token, fields: Object.entries(fields), http_version: '2' })
  return { asked, reply, received, explained }
}

/** Expects that the explanation of a request reports what the gate has done with it. */
async function expectAgreement({ asked, reply, received, explained }: Compared): Promise<string> {
  const { method, target, fields } = asked
  const id = reply.field('x-request-id')
  const record = await node.waitForRecord((each) => each['id'] === id)
  const { decision, reason, route, request, service_receives, reply: own } = explained
  const about = JSON.stringify([method, target, fields])
  // A forward-auth check with the content type of gRPC is no gRPC call.
  const isCall = method === 'POST' && fields['content-type'] === 'application/grpc' && target !== '/.gatehouse/check'
  expect([about, reason, decision, route?.id]).toEqual([about, record['reason'], record['decision'], record['route']])
  expect([about, request.http_version]).toEqual([about, '2'])
  expect([about, own === null]).toEqual([about, received !== undefined])
  if (own === null) {
    expect(service_receives!.fields.map(({ name }) => name).sort()).toEqual(namesOf(received!))
    return reason
  }
  expect([about, own.status, own.closes]).toEqual([about, record['status'], false])
  expect([about, reply.status]).toEqual([about, isCall ? 200 : own.status])
  expect([about, own.grpc_status]).toEqual([about, isCall ? Number(reply.field('grpc-status')) : null])
  expect([about, challengesOf(reply)]).toEqual([about, own.challenge ?? ''])
  for (const [name, value] of own.fields) expect([about, reply.field(name)]).toEqual([about, value])
  return reason
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

function challengesOf({ list }: SessionReply): string {
  return list.filter((_, i) => i % 2 === 1 && list[i - 1] === 'www-authenticate').join(', ')
}

/** Names of the fields that the service has received, with `host` for `:authority`. */
function namesOf({ list }: ServiceStream): string[] {
  const names = list.filter((_, i) => i % 2 === 0).map((name) => (name === ':authority' ? 'host' : name))
  return names.filter((name) => !name.startsWith(':')).sort()
}

const types: readonly Case['fields'][] = [
  {},
  { 'content-type': 'application/grpc', te: 'trailers' },
  { 'content-type': 'application/grpc', 'grpc-timeout': '5S' },
  { 'content-type': 'application/grpc', 'grpc-timeout': 'soon' },
  { 'content-type': 'application/grpc-web' },
]
const targets = ['/demo.Orders/Get', '/orders/7?a=b', '/orders//7', '/public/a', '/nowhere', '/.gatehouse/check']
const tokens = [
  undefined,
  issuer.sign(),
  issuer.sign({ claims: { scope: 'other' } }),
  issuer.sign({ claims: { exp: 1 } }),
]

test('`gatehouse explain` and the gate make the same decisions on requests and gRPC calls over HTTP/2', async () => {
  const compared: Compared[] = []
  for (const method of ['GET', 'POST']) {
    for (const target of targets) {
      for (const token of tokens) {
        for (const fields of method === 'POST' ? types : types.slice(0, 2)) {
          compared.push(await compare({ method, target, token, fields }))
        }
      }
    }
  }
  const reasons = new Set<string>()
  for (const each of compared) reasons.add(await expectAgreement(each))

  expect(reasons).toContain('grpc-upstream')
  expect(reasons).toContain('grpc-unsupported')
  expect(reasons).toContain('grpc-web-unsupported')
  expect(reasons).toContain('grpc-timeout-malformed')
  expect(reasons.size).toBeGreaterThan(11)
})

test('`gatehouse explain` treats a request with the content type of gRPC as HTTP/2, both at a node with listen_h2 and offline', async () => {
  const url = `http://${host}/demo.Orders/Get`
  const header = ['Content-Type: application/grpc']
  const asked = askedRequest('POST', url, { token: tokens[2], header, address: '127.0.0.1' })
  const offline = await explainOffline(asked, { policy: node.folder.file('policy.yaml'), jwks })
  const fields = [['content-type', 'application/grpc']]
  const live = await askNode({ method: 'POST', url, token: tokens[2], fields })
  const http1 = await askNode({ method: 'POST', url, token: tokens[2], fields, http_version: '1.1' })

  for (const { request, reply } of [offline, live]) {
    expect([request.http_version, reply?.status, reply?.grpc_status]).toEqual(['2', 403, 7])
  }
  expect([http1.reply?.status, http1.reply?.grpc_status]).toEqual([415, null])
})
