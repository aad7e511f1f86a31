import { randomUUID } from 'node:crypto'
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { expect } from 'vitest'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { type RawReply, readReply } from '../kit/raw-reply.ts'
import type { TestNode } from '../kit/test-node.ts'
import type { ReceivedRequest, TestUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'

/** A running node and the services behind it. */
export interface Gate {
  readonly node: TestNode
  readonly services: readonly TestUpstream[]
}

export type RequestParts = Parameters<typeof requestBytes>[0]

/** The expected refusal of a request: the reply to the client, and the reason in the access log. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly reason: string
  /**
   * Expected `WWW-Authenticate` fields of the reply, up to `resource_metadata`. Absent: the reply must not have the
   * field.
   */
  readonly challenge?: string | readonly string[]
  /** Further fields that the reply must have, with their values. */
  readonly fields?: Readonly<Record<string, string>>
  /**
   * Whether the gate must close the connection after the reply. Default false: the connection must serve another
   * request.
   */
  readonly closes?: boolean
  /** Expected decision in the access log. Default `refused`; `failed` for a fault of the gate, an issuer or Redis. */
  readonly decision?: string
}

/** DPoP challenge without an error (RFC 9449 §7.1): the algorithms that the gate accepts. */
const dpopAlgorithms = 'DPoP algs="ES256 EdDSA Ed25519 PS256 RS256"'

/** Expected refusal of a request without a credential: 401, with a challenge without an error code (RFC 6750 §3.1). */
export const noCredential: Refusal = {
  status: 401,
  code: 'credential_required',
  reason: 'credential-missing',
  challenge: ['Bearer', dpopAlgorithms],
}

/** 401 `invalid_token`: the reply is the same for every reason; only the log states the reason. */
export const badToken = (reason: string): Refusal => ({
  status: 401,
  code: 'invalid_token',
  reason,
  challenge: 'Bearer error="invalid_token"',
})

/** Expected refusal 403 `insufficient_scope`: the challenge lists every scope of the requirement. */
export const missingScope = (scope: string): Refusal => ({
  status: 403,
  code: 'insufficient_scope',
  reason: 'scope-missing',
  challenge: `Bearer error="insufficient_scope", scope="${scope}"`,
})

/**
 * Expected refusal 403 `forbidden`, without `WWW-Authenticate`: the gate does not ask the client for another
 * credential.
 */
export const forbidden = (reason: string): Refusal => ({ status: 403, code: 'forbidden', reason })

/** Expected refusal 404: no route matches. */
export const notFound: Refusal = { status: 404, code: 'not_found', reason: 'route-unknown' }

/** Expected reply while the issuer is unavailable: 503, because the fault is not on the side of the client. */
export const issuerDown: Refusal = {
  status: 503,
  code: 'unavailable',
  reason: 'issuer-unreachable',
  fields: { 'retry-after': '5' },
  decision: 'failed',
}

/**
 * Sends a request and expects a refusal: checks the reply, the connection and the log line, and that no service
 * received the request.
 */
export async function refused(gate: Gate, parts: RequestParts, refusal: Refusal): Promise<void> {
  const mark = randomUUID()
  const wire = await connect(gate.node.port)
  await wire.send(marked(parts, mark))
  const reply = await readReply(wire)
  if (reply === undefined) throw new Error(`no reply: the connection was ${wire.ending}`)

  const { status, code, challenge, fields = {}, closes = false, reason, decision = 'refused' } = refusal
  const id = reply.field('x-request-id')
  expect(reply.status).toBe(status)
  expect(reply.json()).toEqual({
    type: `urn:gatehouse:problem:${code}`,
    title: expect.any(String),
    status,
    code,
    instance: id,
  })
  expect(reply.field('content-type')).toBe('application/problem+json')
  expect(reply.field('cache-control')).toBe('no-store')
  const challenges = [challenge ?? []].flat()
  expect(reply.all('www-authenticate')).toEqual(challenges.map((each) => withMetadata(each, gate, parts.target)))
  for (const [name, value] of Object.entries(fields)) expect(reply.field(name)).toBe(value)
  await expectFate(wire, reply, closes)
  wire.close()

  expect(await gate.node.waitForRecord((record) => record['id'] === id)).toMatchObject({ decision, reason, status })
  expect(receivedBy(gate, mark)).toEqual([])
}

interface Admission {
  readonly reply: RawReply
  /** The request as the service received it. */
  readonly received: ReceivedRequest
}

/** Sends a request, and expects that the services receive it exactly once and that the client gets status 200. */
export async function admitted(gate: Gate, parts: RequestParts): Promise<Admission> {
  const mark = randomUUID()
  const reply = await request(gate.node.port, marked(parts, mark))
  expect(reply.status, reply.text).toBe(200)
  const [received, ...more] = receivedBy(gate, mark)
  expect(more).toEqual([])
  return { reply, received: received! }
}

/**
 * Returns the claims of the assertion that a service received, after verification with the keys that the gate
 * publishes.
 */
export async function identity(gate: Gate, received: ReceivedRequest): Promise<JWTPayload> {
  const [assertion, ...more] = received.all('x-gatehouse-jwt-assertion')
  expect(more).toEqual([])
  const { payload } = await jwtVerify(assertion!, createLocalJWKSet(await publishedKeys(gate)), {
    algorithms: ['ES256'],
    typ: 'gatehouse-assertion+jwt',
    issuer: publicUrl(gate),
  })
  return payload
}

export function publicUrl({ node }: Gate): string {
  return `http://127.0.0.1:${node.port}`
}

async function publishedKeys({ node }: Gate): Promise<JSONWebKeySet> {
  const reply = await request(node.port, requestBytes({ target: '/.well-known/gatehouse/jwks.json' }))
  return reply.json() as JSONWebKeySet
}

function marked(parts: RequestParts, mark: string): Buffer {
  return requestBytes({ ...parts, fields: [...(parts.fields ?? []), ['X-Case', mark]] })
}

function receivedBy({ services }: Gate, mark: string): ReceivedRequest[] {
  return services.flatMap(({ requests }) => requests.filter((received) => received.all('x-case').includes(mark)))
}

/** Returns the challenge with the absolute URL of the resource metadata for the requested URL (RFC 9728 §5.1). */
function withMetadata(challenge: string, gate: Gate, target: string): string {
  const [path = ''] = target.split('?', 1)
  const url = `${publicUrl(gate)}/.well-known/oauth-protected-resource${path === '/' ? '' : path}`
  return `${challenge}${challenge.includes(' ') ? ',' : ''} resource_metadata="${url}"`
}

async function expectFate(wire: Wire, reply: RawReply, closes: boolean): Promise<void> {
  expect(reply.field('connection')).toBe(closes ? 'close' : undefined)
  if (closes) {
    expect((await wire.rest()).toString('latin1')).toBe('')
    return
  }
  await wire.send(requestBytes({ target: '/.well-known/gatehouse/jwks.json' }))
  expect((await readReply(wire))?.status).toBe(200)
}
