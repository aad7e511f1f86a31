import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { exchange, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// docs/design/contract.md §6: forwarding fields are used only if a listed proxy sent them. S-037, S-038, S-041, S-043,
// S-113.

const PROXY_V2 = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** Returns a PROXY protocol version 2 header with the client address `from` (command PROXY, TCP over IPv4). */
function proxyHeader(from: readonly number[]): Uint8Array {
  const addresses = Buffer.from([...from, 127, 0, 0, 1, 0x12, 0x34, 0x1f, 0x90])
  return Buffer.concat([PROXY_V2, Buffer.from([0x21, 0x11, 0, addresses.length]), addresses])
}

let issuer: TestIssuer
let upstream: TestUpstream

beforeAll(async () => {
  issuer = await startIssuer()
  upstream = await startUpstream()
})

const policy = () => `
version: 1
issuers: { main: { issuer: "${issuer.url}", audience: [https://api.test] } }
services:
  orders:
    upstreams: ["${upstream.url}"]
    credentials: none
    routes:
      - { id: open, match: { path: /open/** }, require: public }
      - { id: inside, match: { path: /inside/** }, require: public, addresses: { allow: [10.0.0.0/8] } }
`

/** Addresses of this machine from which the tests connect. */
const peer = {
  /** Address in no list of the settings. */
  unlisted: '127.0.0.1',
  proxy: '127.0.0.2',
  tcpProxy: '127.0.0.4',
  /** Address in `check.peers` only. */
  checks: '127.0.0.5',
}

const proxies = [peer.proxy, '192.0.2.7', ...[peer.tcpProxy, '192.0.2.8'].map((address) => ({ address, mode: 'tcp' }))]
const check = { peers: [peer.checks, peer.tcpProxy, '10.9.9.9'] }
/** Settings of the nodes. `bare` has no `check`, `alone` has no proxies. */
const settings = {
  plain: { proxies, check },
  header: { proxies, check, proxy_protocol: 'required' },
  bare: { proxies: [peer.proxy], client_address: 'forwarded' },
  alone: { check },
}
type NodeName = keyof typeof settings
const nodes = {} as Record<NodeName, TestNode>

beforeAll(async () => {
  const start = async (name: NodeName) => {
    nodes[name] = await startNode({ policy: policy(), settings: settings[name] })
  }
  for (const name of Object.keys(settings) as NodeName[]) await start(name)
})

let requests = 0

/**
 * Returns a path that no other request of this file has, so that a test finds its record in the log of a shared node.
 */
const fresh = (folder: 'open' | 'inside'): string => `/${folder}/${++requests}`

/** @param from  address of the client, one of `peer` */
async function ask(
  name: NodeName,
  from: string,
  target: string,
  fields: [string, string][],
  before: Uint8Array = Buffer.alloc(0),
) {
  const seen = upstream.requests.length
  const bytes = Buffer.concat([before, Buffer.from(requestBytes({ target, fields }))])
  const { replies, ending } = await exchange(nodes[name].port, bytes, { from })
  return { reply: replies[0], ending, arrived: upstream.requests.slice(seen) }
}

test('S-037: the gate ignores and replaces forwarding fields and Client-Cert of an unlisted peer', async () => {
  const claims: [string, string][] = [
    ['X-Forwarded-For', '10.0.0.1'],
    ['Forwarded', 'for=10.0.0.1;proto=https;host=evil'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'evil.example'],
    ['Client-Cert', ':AAAA:'],
  ]

  const inside = await ask('plain', peer.unlisted, fresh('inside'), claims)
  const open = await ask('plain', peer.unlisted, fresh('open'), claims)

  expect(inside.reply?.status).toBe(403)
  expect(inside.arrived).toEqual([])
  const [request] = open.arrived
  expect(request?.all('x-forwarded-for')).toEqual(['127.0.0.1'])
  expect(request?.all('x-forwarded-proto')).toEqual(['http'])
  expect(request?.all('x-forwarded-host')).not.toContain('evil.example')
  expect(request?.all('forwarded')).toHaveLength(1)
  expect(request?.all('client-cert')).toEqual([])
})

test.each([
  ['10.0.0.1, 203.0.113.9', 403, '203.0.113.9, 127.0.0.2'],
  ['203.0.113.9, 10.0.0.1', 200, '10.0.0.1, 127.0.0.2'],
  ['10.0.0.1, 203.0.113.9, 192.0.2.7', 403, '203.0.113.9, 192.0.2.7, 127.0.0.2'],
  ['garbage, 10.0.0.1, 192.0.2.7', 200, '10.0.0.1, 192.0.2.7, 127.0.0.2'],
  ['10.0.0.1:4711', 200, '10.0.0.1, 127.0.0.2'],
])(
  'S-038: with X-Forwarded-For %s from a listed proxy, the client is the right-most unlisted address, and gets %i',
  async (chain, status, sent) => {
    const target = fresh('open')

    const inside = await ask('plain', peer.proxy, fresh('inside'), [['X-Forwarded-For', chain]])
    const open = await ask('plain', peer.proxy, target, [['X-Forwarded-For', chain]])

    expect(inside.reply?.status).toBe(status)
    expect(open.arrived[0]?.all('x-forwarded-for')).toEqual([sent])
    const record = await nodes.plain.waitForRecord((one) => one['path'] === target)
    expect(record['address']).toBe(sent.split(',')[0])
  },
)

test('S-038: the gate forwards scheme, host and client certificate of a listed proxy to the service', async () => {
  const { arrived } = await ask('plain', peer.proxy, fresh('open'), [
    ['X-Forwarded-For', '203.0.113.9'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'api.example'],
    ['X-Forwarded-Prefix', '/evil'],
    ['Client-Cert', ':TUlJ:'],
  ])

  expect(arrived[0]?.all('x-forwarded-proto')).toEqual(['https'])
  expect(arrived[0]?.all('x-forwarded-host')).toEqual(['api.example'])
  expect(arrived[0]?.all('forwarded')).toEqual(['for=203.0.113.9;host="api.example";proto=https'])
  expect(arrived[0]?.all('client-cert')).toEqual([':TUlJ:'])
  expect(arrived[0]?.all('x-forwarded-prefix')).toEqual([])
})

test.each([
  ['S-041: X-Forwarded-For with no address', [['X-Forwarded-For', 'unknown']], 'forwarded-malformed'],
  ['S-041: X-Forwarded-For with an invalid last address', [['X-Forwarded-For', '10.0.0.1, x']], 'forwarded-malformed'],
  [
    'S-043: two Client-Cert fields',
    [
      ['Client-Cert', ':AAAA:'],
      ['Client-Cert', ':BBBB:'],
    ],
    'certificate-malformed',
  ],
  ['S-043: Client-Cert with invalid base64', [['Client-Cert', ':A*:']], 'certificate-malformed'],
] as [string, [string, string][], string][])(
  'the gate replies 400 and closes the connection for %s from a listed proxy',
  async (_, fields, reason) => {
    const target = fresh('open')

    const { reply, ending, arrived } = await ask('plain', peer.proxy, target, fields)

    expect(reply?.status).toBe(400)
    expect(ending).toBe('ended')
    expect(arrived).toEqual([])
    expect(await nodes.plain.waitForRecord((one) => one['path'] === target)).toMatchObject({ status: 400, reason })
  },
)

test.each([
  ['for=10.0.0.1, for="203.0.113.9:80";proto=https', '203.0.113.9', 200],
  ['for="[2001:db8::1]"', '2001:db8::1', 200],
  ['for=10.0.0.1 garbage', undefined, 400],
])(
  'S-041: with client_address forwarded, Forwarded: %s of a listed proxy gives the client address %s and the status %i',
  async (value, address, status) => {
    const target = fresh('open')

    const { reply } = await ask('bare', peer.proxy, target, [
      ['Forwarded', value],
      ['X-Forwarded-For', '198.51.100.1'],
    ])

    expect(reply?.status).toBe(status)
    if (address !== undefined) {
      const record = await nodes.bare.waitForRecord((one) => one['path'] === target)
      expect(record['address']).toBe(address)
    }
  },
)

test('the PROXY v2 header of a listed peer sets the client address, and the gate replies 400 if the header is missing or not expected', async () => {
  const inside = proxyHeader([10, 1, 2, 3])
  const outside = proxyHeader([203, 0, 113, 9])

  expect((await ask('header', peer.proxy, fresh('inside'), [], inside)).reply?.status).toBe(200)
  expect((await ask('header', peer.proxy, fresh('inside'), [], outside)).reply?.status).toBe(403)
  for (const [name, from, header] of [
    ['header', peer.proxy, Buffer.alloc(0)],
    ['plain', peer.proxy, inside],
    ['header', peer.unlisted, inside],
  ] as const) {
    const target = fresh('open')
    const { reply, arrived } = await ask(name, from, target, [], header)
    expect(reply?.status ?? 400).toBe(400)
    expect(arrived).toEqual([])
    const record = await nodes[name].waitForRecord((one) => one['path'] === target)
    expect(record).toMatchObject({ status: 400, reason: 'proxied-address' })
  }
})

test.each([
  ['without a body', 'GET', '', ''],
  ['with a body to which the service replies early', 'POST', 'Content-Length: 2000\r\n', 'early'],
  ['with a body whose HEAD the service replies to early', 'HEAD', 'Content-Length: 2000\r\n', 'early'],
  ['with a body to which the service replies 204 early', 'GET', 'Content-Length: 2000\r\n', 'early-204'],
])(
  'behind a TCP proxy, a client cannot change its address by a second PROXY header after a request %s',
  async (_, method, fields, path) => {
    const node = nodes.header
    upstream.handler = (request, response) => {
      response.statusCode = request.url?.endsWith('204') ? 204 : 200
      response.end(method === 'HEAD' || response.statusCode === 204 ? undefined : 'early')
    }
    const body = fields === '' ? '' : 'x'.repeat(1000)
    const [first, next] = [`${fresh('open')}/${path}`, fresh('inside')]
    const head = `${method} ${first} HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`
    const second = Buffer.concat([
      Buffer.from(body),
      proxyHeader([10, 1, 2, 3]),
      Buffer.from(requestBytes({ target: next })),
    ])

    const seen = upstream.requests.length
    const socket = connect({ port: node.port, host: '127.0.0.1', localAddress: peer.tcpProxy }).on(
      'error',
      () => undefined,
    )
    socket.write(Buffer.concat([proxyHeader([203, 0, 113, 9]), Buffer.from(head)]))
    await once(socket, 'data')
    socket.write(second)
    await node.waitForRecord((one) => one['path'] === first)
    await sleep(200)
    socket.destroy()

    expect(upstream.requests.slice(seen).map((one) => one.url)).toEqual([first])
    expect(node.accessLog().map((one) => one['path'])).not.toContain(next)
  },
)

test.each([
  ['the TCP proxy is stated in X-Forwarded-For', 'plain', '10.0.0.1, 192.0.2.8', Buffer.alloc(0)],
  ['the TCP proxy is stated in a PROXY header', 'header', '10.0.0.1', proxyHeader([192, 0, 2, 8])],
] as const)(
  'addresses in X-Forwarded-For before the address of a TCP proxy have no effect: %s',
  async (_, name, chain, before) => {
    upstream.handler = (_request, response) => void response.end()

    const inside = await ask(name, peer.proxy, fresh('inside'), [['X-Forwarded-For', chain]], before)
    const open = await ask(name, peer.proxy, fresh('open'), [['X-Forwarded-For', chain]], before)

    expect(inside.reply?.status).toBe(403)
    expect(open.arrived[0]?.all('x-forwarded-for').join()).not.toContain('10.0.0.1')
  },
)

const checkFields = (path: string): [string, string][] => [
  ['X-Forwarded-Method', 'GET'],
  ['X-Forwarded-Host', 'api.test'],
  ['X-Forwarded-Uri', path],
]

test.each([
  ['no proxies are configured', 'alone', peer.checks, Buffer.alloc(0)],
  ['other proxies are configured', 'plain', peer.checks, Buffer.alloc(0)],
  ['other proxies must send a PROXY header', 'header', peer.checks, Buffer.alloc(0)],
  ['the PROXY header of a proxy has the address of the peer', 'header', peer.proxy, proxyHeader([10, 9, 9, 9])],
] as const)(
  'X-Forwarded-For of a peer in check.peers sets the client address of a forward-auth check: %s',
  async (_, name, from, before) => {
    const check = (client: string) =>
      ask(name, from, '/.gatehouse/check', [...checkFields('/inside/1'), ['X-Forwarded-For', client]], before)

    expect((await check('10.0.0.1')).reply?.status).toBe(200)
    expect((await check('203.0.113.9')).reply?.status).toBe(403)
    expect((await check('10.0.0.1, 203.0.113.9')).reply?.status).toBe(403)
  },
)

test.each([
  ['its X-Forwarded-For has no effect', 'alone', 403],
  ['it must send a PROXY header', 'header', 400],
] as const)('a peer in check.peers has no privileges outside of forward-auth checks: %s', async (_, name, status) => {
  upstream.handler = (_request, response) => void response.end()

  expect((await ask(name, peer.checks, fresh('inside'), [['X-Forwarded-For', '10.0.0.1']])).reply?.status).toBe(status)
})

test.each([
  ['that is only in proxies', 'plain', peer.proxy],
  ['that is not listed', 'bare', peer.unlisted],
  ['that is a TCP proxy', 'plain', peer.tcpProxy],
] as const)('a forward-auth check of a peer %s gets 403', async (_, name, from) => {
  const fields: [string, string][] = [...checkFields('/open/1'), ['X-Forwarded-For', '10.0.0.1']]

  expect((await ask(name, from, '/.gatehouse/check', fields)).reply?.status).toBe(403)
})

test.each([
  [{ proxies: [] }, 'must not be empty; remove the key to trust no proxy'],
  [{ proxies: ['0.0.0.0/0'] }, 'must not include all addresses'],
  [{ proxies: ['::/0'] }, 'must not include all addresses'],
  [{ check: { peers: ['0.0.0.0/0'] } }, 'must not include all addresses'],
  [{ check: { peers: ['gate.internal'] } }, 'an address or a CIDR block'],
  [{ proxy_protocol: 'required' }, 'list the proxies'],
])('S-127: a node with the settings %j does not start and exits with 1', async (settings, message) => {
  await expect(startNode({ policy: policy(), settings })).rejects.toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining(message),
  })
})
