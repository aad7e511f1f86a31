import { STATUS_CODES } from 'node:http'
import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { fc, propertyRuns } from '../kit/properties.ts'
import { connect } from '../kit/raw-client.ts'
import { type RawReply, readReply } from '../kit/raw-reply.ts'
import {
  framed,
  headBytes,
  type SentReply,
  type SentRequest,
  sentReply,
  sentRequest,
  textOf,
} from './differential-exchange.ts'
import { type ArrivedRequest, type Fields, PreparedService } from './differential-service.ts'

// docs/design/contract.md §6, by comparison: the test sends the same request to a service directly and through a
// running gate. Received requests and replies differ only where this file says so. Their framing can also differ
// where RFC 9112 leaves the framing to every hop.

const host = 'api.test:8080'
const issuer = await startIssuer()
const service = await PreparedService.start()
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      s: {
        upstreams: [service.url],
        routes: [{ id: 's', match: { path: '/s/**' }, require: { scopes: { all: ['orders:read'] } } }],
      },
    },
  },
})
const token = issuer.sign()

/** Client fields that the gate never forwards, in every spelling that CGI maps to the same variable. */
const taken =
  /^(?:authorization|dpop|expect|upgrade|te|keep-alive|connection|trailer|http2-settings|proxy|proxy-.*|forwarded|x-forwarded-.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-connecting-ip|x-original-(?:url|method)|x-rewrite-url|x-http-method(?:-override)?|x-method-override|client-cert.*|x-gatehouse-.*|x-auth-request-.*|x-envoy-.*|sec-websocket-.*|x-request-id|traceparent)$/
const framing = /^(?:content-length|transfer-encoding)$/

/**
 * Returns the fields that the gate must forward (docs/design/contract.md §6) when the service receives `fields`
 * directly.
 */
function forwarded(fields: Fields): Map<string, string[]> {
  const named = connectionNames(fields)
  const expected = new Map<string, string[]>()
  const put = (name: string, value: string) => expected.set(name, [...(expected.get(name) ?? []), value])
  for (const [name, value] of fields) {
    if (taken.test(name.replaceAll(/[^0-9a-z]/g, '-')) || framing.test(name) || named.has(name)) continue
    put(name, value)
  }
  // The gate joins several Cookie fields into one (RFC 6265 §5.4), and appends itself to the list in Via.
  const cookies = expected.get('cookie')
  if (cookies !== undefined) expected.set('cookie', [cookies.join('; ')])
  expected.set('via', [[...(expected.get('via') ?? []), '1.1 gatehouse'].join(', ')])
  put('x-forwarded-for', '127.0.0.1')
  put('x-forwarded-host', host)
  put('x-forwarded-proto', 'http')
  put('forwarded', `for=127.0.0.1;host="${host}";proto=http`)
  return expected
}

function connectionNames(fields: Fields): Set<string> {
  const values = fields.filter(([name]) => name === 'connection').map(([, value]) => value)
  return new Set(
    values
      .join(',')
      .split(',')
      .map((one) => one.trim().toLowerCase())
      .filter((one) => one !== 'close' && one !== 'keep-alive'),
  )
}

/** Returns field values by lower-case name; the order of names is ignored. */
function byName(fields: Fields): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    found.set(key, [...(found.get(key) ?? []), value])
  }
  return found
}

/** Removes fields from a map, and returns their values. */
function take(fields: Map<string, string[]>, ...names: readonly string[]): (string[] | undefined)[] {
  return names.map((name) => {
    const values = fields.get(name)
    fields.delete(name)
    return values
  })
}

function expectForwarded(direct: ArrivedRequest, proxied: ArrivedRequest): void {
  expect(proxied.line).toBe(direct.line)
  expect(proxied.body).toBe(direct.body)
  // An empty body can have any framing, or no framing field.
  if (direct.body !== '') expect(proxied.chunked).toBe(direct.chunked)
  const fields = byName(proxied.fields)
  const [id, trace, assertion] = take(fields, 'x-request-id', 'traceparent', 'x-gatehouse-jwt-assertion')
  expect(id).toEqual([expect.stringMatching(/^[A-Za-z0-9._-]{1,128}$/)])
  expect(trace).toEqual([expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)])
  expect(assertion).toEqual([expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/)])
  // Connection and framing fields belong to one hop. The framing of the body was compared above.
  take(fields, 'connection', 'content-length', 'transfer-encoding')
  expect(fields).toEqual(forwarded(direct.fields))
}

/**
 * Reply fields of the service that are not compared: the gate sets `Date` and `X-Request-Id`; the others belong to
 * one hop.
 */
const webSocketFields = ['key', 'accept', 'version', 'protocol', 'extensions'].map((each) => `sec-websocket-${each}`)
const takenFromReplies = [
  ...webSocketFields,
  'date',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'x-request-id',
]

function expectReplied(direct: RawReply, proxied: RawReply, sent: SentReply): void {
  expect(proxied.status).toBe(direct.status)
  expect(proxied.reason).toBe(direct.reason === '' ? (STATUS_CODES[direct.status] ?? '') : direct.reason)
  expect(proxied.body.equals(direct.body)).toBe(true)
  expect([direct.complete, proxied.complete]).toEqual([true, true])
  expect(proxied.interim).toEqual([])
  const [expected, fields] = [byName(direct.fields), byName(proxied.fields)]
  const [dates, ids] = take(fields, 'date', 'x-request-id')
  expect(dates).toHaveLength(1)
  expect(ids).toHaveLength(1)
  take(expected, ...takenFromReplies, 'proxy-connection', 'proxy-authenticate', 'x-gatehouse-subject')
  take(fields, 'connection')
  const [length] = take(expected, 'content-length')
  const [saidLength] = take(fields, 'content-length')
  take(expected, 'transfer-encoding')
  take(fields, 'transfer-encoding')
  expect(fields).toEqual(expected)
  // The gate relays a known Content-Length, except with 304, where it is optional (RFC 9110 §8.6), and with 204,
  // where it is forbidden.
  if (sent.status === 204 || sent.status === 304) expect(saidLength).toBeUndefined()
  else if (sent.body.framing === 'length') expect(saidLength).toEqual(length)
  else if (direct.body.length > 0) expect(proxied.framing).toBe('chunked')
}

function prepare(reply: SentReply): void {
  const bodyless = reply.status === 204 || reply.status === 304
  const { fields, wire } = framed(reply.body)
  // RFC 9110 §8.6, RFC 9112 §6.1: a 204 has no framing fields.
  const said = reply.status === 204 ? [] : fields
  service.replyHead = headBytes(`HTTP/1.1 ${reply.status} ${reply.reason}`, [...reply.fields, ...said])
  service.reply = bodyless ? service.replyHead : Buffer.concat([service.replyHead, Buffer.from(wire, 'latin1')])
  service.closes = reply.body.framing === 'close' && reply.status !== 204
}

function bytesOf({ method, path, query, fields, body }: SentRequest): Buffer {
  const { fields: framingFields, wire } = framed(body)
  const line = `${method} ${path}${query === null ? '' : `?${query}`} HTTP/1.1`
  const all = [['Host', host], ['Authorization', `Bearer ${token}`], ...fields, ...framingFields] as Fields
  return Buffer.concat([headBytes(line, all), Buffer.from(wire, 'latin1')])
}

/** Sends a request on a new connection and returns the reply, without waiting for the end of the connection. */
async function ask(port: number, bytes: Buffer, head: boolean): Promise<RawReply> {
  const wire = await connect(port)
  try {
    await wire.send(bytes)
    const reply = await readReply(wire, { head })
    if (reply === undefined) throw new Error(`no reply: the connection was ${wire.ending}`)
    return reply
  } finally {
    wire.close()
  }
}

test(`in ${propertyRuns} exchanges through the gate, service and client receive the same as without it, except fields that the gate sets or removes`, {
  timeout: 30_000 + propertyRuns * 100,
}, async () => {
  let bodies = 0
  await fc.assert(
    fc.asyncProperty(sentRequest, sentReply, async (sent, reply) => {
      prepare(reply)
      const bytes = bytesOf(sent)
      const head = sent.method === 'HEAD'
      const direct = await ask(service.port, bytes, head)
      const directly = service.arrived.at(-1)!
      const proxied = await ask(node.port, bytes, head)
      const forwardedOne = service.arrived.at(-1)!

      expect(forwardedOne).not.toBe(directly)
      expectForwarded(directly, forwardedOne)
      expectReplied(direct, proxied, reply)
      if (textOf(sent.body) !== '') bodies++
    }),
    { numRuns: propertyRuns },
  )

  expect(service.failures).toEqual([])
  // The test would also pass if no request had a body, so enough requests must have a body.
  expect(bodies).toBeGreaterThan(propertyRuns / 5)
})
