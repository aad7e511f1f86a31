import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { residentMiB } from '../integration/data-plane-node.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNodeProcess } from '../kit/node.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { swap } from '../kit/swap.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// S-137: the gate decompresses no body, so a compression bomb costs no memory. The gate does not request compressed
// replies from an issuer, and rejects compressed ones.

const MIB = 1024 * 1024
/** 1 GiB of zeros, compressed to 1 MiB. A gzip file can have several members (RFC 1952 §2.2). */
const member = gzipSync(Buffer.alloc(64 * MIB), { level: 9 })
const bomb = Buffer.concat(Array.from({ length: 16 }, () => member))
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

function policyOf(issuer: string, upstream: string): object {
  return {
    version: 1,
    issuers: { main: { issuer, audience: [testAudience] } },
    services: {
      s: {
        upstreams: [upstream],
        routes: [{ id: 's', match: { path: '/s/**' }, require: { scopes: { all: ['orders:read'] } } }],
      },
    },
  }
}

let upstream: TestUpstream
let node: NodeProcess
let token: string
beforeAll(async () => {
  const issuer = await startIssuer()
  upstream = await startUpstream()
  node = await startNodeProcess({ policy: policyOf(issuer.url, upstream.url) })
  token = issuer.sign()
  expect((await request(node.port, requestBytes({ target: '/s/warm', token }))).status).toBe(200)
})

test.each(['gzip', 'gzip, gzip', 'x-gzip'])(
  'S-137 the gate forwards an upload with a compression bomb unchanged (Content-Encoding: %s)',
  async (coding) => {
    const before = residentMiB(node)
    const fields = [['Content-Encoding', coding]] as const
    const reply = await request(node.port, requestBytes({ method: 'POST', target: '/s/up', token, fields, body: bomb }))

    expect(reply.json()).toMatchObject({ body: { bytes: bomb.length, sha256: sha256(bomb) } })
    expect(residentMiB(node) - before).toBeLessThan(64)
  },
)

test('S-137 the gate relays a reply of a service with a compression bomb unchanged', async () => {
  const before = residentMiB(node)
  upstream.handler = (_received, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bomb.length }).end(bomb)
  }
  const fields = [['Accept-Encoding', 'gzip']] as const
  const reply = await request(node.port, requestBytes({ target: '/s/down', token, fields }))

  expect(reply.field('content-encoding')).toBe('gzip')
  expect(sha256(reply.body)).toBe(sha256(bomb))
  expect(residentMiB(node) - before).toBeLessThan(64)
})

test.each([
  { what: 'a compressed key set', document: 'keys', coding: 'gzip', size: 0 },
  { what: 'a compressed discovery document', document: 'discovery', coding: 'gzip', size: 0 },
  { what: 'a compression bomb as key set', document: 'keys', coding: 'gzip', size: bomb.length },
  { what: 'a key set of 20 MB', document: 'keys', coding: undefined, size: 20 * MIB },
  { what: 'a discovery document of 20 MB', document: 'discovery', coding: undefined, size: 20 * MIB },
] as const)('S-137 when an issuer sends $what, the node uses less than 64 MiB and replies 503', async (one) => {
  const { document, coding, size } = one
  const issuer = await startIssuer()
  const headers = coding === undefined ? {} : { 'content-encoding': coding }
  issuer.answer(document, size === 0 ? { headers } : { headers, body: ' '.repeat(size) })
  const before = residentMiB(node)
  await swap(node, policyOf(issuer.url, upstream.url))
  const reply = await request(node.port, requestBytes({ target: '/s/1', token: issuer.sign() }))

  expect(reply.status).toBe(503)
  const record = await node.waitForRecord(({ id }) => id === reply.field('x-request-id'))
  expect(record).toMatchObject({ decision: 'failed', reason: 'issuer-unreachable' })
  expect(residentMiB(node) - before).toBeLessThan(64)
  expect(issuer.fetches[document]).toBeGreaterThan(0)
})
