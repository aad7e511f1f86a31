import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode, type TestNode } from '../kit/node.ts'
import { exchange, requestBytes } from '../kit/raw-client.ts'
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

const nodes = new Map<string, Promise<TestNode>>()

/** Returns a node with these settings. Tests with the same settings share one node. */
function nodeWith(settings: Record<string, unknown>): Promise<TestNode> {
  const key = JSON.stringify(settings)
  const known = nodes.get(key)
  if (known !== undefined) return known
  const node = startNode({ policy: policy(), settings })
  nodes.set(key, node)
  return node
}

let requests = 0

/**
 * Returns a path that no other request of this file has, so that a test finds its record in the log of a shared node.
 */
const fresh = (folder: 'open' | 'inside'): string => `/${folder}/${++requests}`

async function ask(node: TestNode, target: string, fields: [string, string][], before: Uint8Array = Buffer.alloc(0)) {
  const seen = upstream.requests.length
  const bytes = Buffer.concat([before, Buffer.from(requestBytes({ target, fields }))])
  const { replies, ending } = await exchange(node.port, bytes)
  return { reply: replies[0], ending, arrived: upstream.requests.slice(seen) }
}

test('S-037: the gate ignores and replaces forwarding fields and Client-Cert of an unlisted peer', async () => {
  const node = await nodeWith({ proxies: ['192.0.2.0/24'] })
  const claims: [string, string][] = [
    ['X-Forwarded-For', '10.0.0.1'],
    ['Forwarded', 'for=10.0.0.1;proto=https;host=evil'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'evil.example'],
    ['Client-Cert', ':AAAA:'],
  ]

  const inside = await ask(node, '/inside/1', claims)
  const open = await ask(node, '/open/1', claims)

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
  ['10.0.0.1, 203.0.113.9', 403, '203.0.113.9, 127.0.0.1'],
  ['203.0.113.9, 10.0.0.1', 200, '10.0.0.1, 127.0.0.1'],
  ['10.0.0.1, 203.0.113.9, 192.0.2.7', 403, '203.0.113.9, 192.0.2.7, 127.0.0.1'],
  ['garbage, 10.0.0.1, 192.0.2.7', 200, '10.0.0.1, 192.0.2.7, 127.0.0.1'],
  ['10.0.0.1:4711', 200, '10.0.0.1, 127.0.0.1'],
])(
  'S-038: X-Forwarded-For %s of a listed proxy: the right-most unlisted address is the client, which gets %i',
  async (chain, status, sent) => {
    const node = await nodeWith({ proxies: ['127.0.0.0/8', '192.0.2.7'] })

    const target = fresh('open')

    const inside = await ask(node, fresh('inside'), [['X-Forwarded-For', chain]])
    const open = await ask(node, target, [['X-Forwarded-For', chain]])

    expect(inside.reply?.status).toBe(status)
    expect(open.arrived[0]?.all('x-forwarded-for')).toEqual([sent])
    const record = await node.waitForRecord((one) => one['path'] === target)
    expect(record['address']).toBe(sent.split(',')[0])
  },
)

test('S-038: the gate forwards scheme, host and client certificate of a listed proxy to the service', async () => {
  const node = await nodeWith({ proxies: ['127.0.0.0/8'] })

  const { arrived } = await ask(node, '/open/1', [
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
  '%s from a listed proxy: the gate replies 400 and closes the connection',
  async (_, fields, reason) => {
    const node = await nodeWith({ proxies: ['127.0.0.0/8'] })

    const target = fresh('open')

    const { reply, ending, arrived } = await ask(node, target, fields)

    expect(reply?.status).toBe(400)
    expect(ending).toBe('ended')
    expect(arrived).toEqual([])
    expect(await node.waitForRecord((one) => one['path'] === target)).toMatchObject({ status: 400, reason })
  },
)

test.each([
  ['for=10.0.0.1, for="203.0.113.9:80";proto=https', '203.0.113.9', 200],
  ['for="[2001:db8::1]"', '2001:db8::1', 200],
  ['for=10.0.0.1 garbage', undefined, 400],
])(
  'S-041: with client_address forwarded, Forwarded: %s of a listed proxy gives the client address %s and the status %i',
  async (value, address, status) => {
    const node = await nodeWith({ proxies: ['127.0.0.0/8'], client_address: 'forwarded' })

    const target = fresh('open')

    const { reply } = await ask(node, target, [
      ['Forwarded', value],
      ['X-Forwarded-For', '198.51.100.1'],
    ])

    expect(reply?.status).toBe(status)
    if (address !== undefined) {
      const record = await node.waitForRecord((one) => one['path'] === target)
      expect(record['address']).toBe(address)
    }
  },
)

test('a PROXY v2 header of a listed peer sets the client address; the gate rejects a missing or unexpected PROXY header with 400', async () => {
  const [listed, off, elsewhere] = await Promise.all([
    nodeWith({ proxies: ['127.0.0.0/8'], proxy_protocol: 'required' }),
    nodeWith({ proxies: ['127.0.0.0/8'] }),
    nodeWith({ proxies: ['192.0.2.1'], proxy_protocol: 'required' }),
  ])
  const inside = proxyHeader([10, 1, 2, 3])
  const outside = proxyHeader([203, 0, 113, 9])

  expect((await ask(listed, '/inside/1', [], inside)).reply?.status).toBe(200)
  expect((await ask(listed, '/inside/1', [], outside)).reply?.status).toBe(403)
  for (const [node, header] of [
    [listed, Buffer.alloc(0)],
    [off, inside],
    [elsewhere, inside],
  ] as const) {
    const target = fresh('open')
    const { reply, arrived } = await ask(node, target, [], header)
    expect(reply?.status ?? 400).toBe(400)
    expect(arrived).toEqual([])
    const record = await node.waitForRecord((one) => one['path'] === target)
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
    const node = await nodeWith({ proxies: [{ address: '127.0.0.0/8', mode: 'tcp' }], proxy_protocol: 'required' })
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
    const socket = connect(node.port, '127.0.0.1').on('error', () => undefined)
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
  ['proxy in X-Forwarded-For', {}, '10.0.0.1, 192.0.2.7', Buffer.alloc(0)],
  ['proxy in a PROXY header', { proxy_protocol: 'required' }, '10.0.0.1', proxyHeader([192, 0, 2, 7])],
])('X-Forwarded-For addresses before the address of a TCP proxy have no effect: %s', async (_, more, chain, before) => {
  const node = await nodeWith({ proxies: ['127.0.0.1', { address: '192.0.2.7', mode: 'tcp' }], ...more })
  upstream.handler = (_request, response) => void response.end()

  const inside = await ask(node, '/inside/1', [['X-Forwarded-For', chain]], before)
  const open = await ask(node, '/open/1', [['X-Forwarded-For', chain]], before)

  expect(inside.reply?.status).toBe(403)
  expect(open.arrived[0]?.all('x-forwarded-for').join()).not.toContain('10.0.0.1')
})

const checkFields = (path: string): [string, string][] => [
  ['X-Forwarded-Method', 'GET'],
  ['X-Forwarded-Host', 'api.test'],
  ['X-Forwarded-Uri', path],
]

test.each([
  ['without proxies', {}, Buffer.alloc(0)],
  ['with other proxies', { proxies: ['192.0.2.7'] }, Buffer.alloc(0)],
  [
    'with other proxies that must send a PROXY header',
    { proxies: ['192.0.2.7'], proxy_protocol: 'required' },
    Buffer.alloc(0),
  ],
  [
    'behind a proxy whose PROXY header has the address of the peer',
    { proxies: ['127.0.0.1'], proxy_protocol: 'required', check: { peers: ['10.9.9.9'] } },
    proxyHeader([10, 9, 9, 9]),
  ],
])('X-Forwarded-For of a peer in check.peers sets the client address of a check: %s', async (_, settings, before) => {
  const node = await nodeWith({ check: { peers: ['127.0.0.1'] }, ...settings })
  const check = (client: string) =>
    ask(node, '/.gatehouse/check', [...checkFields('/inside/1'), ['X-Forwarded-For', client]], before)

  expect((await check('10.0.0.1')).reply?.status).toBe(200)
  expect((await check('203.0.113.9')).reply?.status).toBe(403)
  expect((await check('10.0.0.1, 203.0.113.9')).reply?.status).toBe(403)
})

test.each([
  ['its X-Forwarded-For has no effect', {}, 403],
  ['it must send a PROXY header', { proxies: ['192.0.2.7'], proxy_protocol: 'required' }, 400],
])('a peer in check.peers has no privileges outside of forward-auth checks: %s', async (_, settings, status) => {
  const node = await nodeWith({ check: { peers: ['127.0.0.1'] }, ...settings })
  upstream.handler = (_request, response) => void response.end()

  expect((await ask(node, '/inside/1', [['X-Forwarded-For', '10.0.0.1']])).reply?.status).toBe(status)
})

test.each([
  ['that is only in proxies', { proxies: ['127.0.0.1'] }],
  ['that is not listed', {}],
  ['that is a TCP proxy', { proxies: [{ address: '127.0.0.1', mode: 'tcp' }], check: { peers: ['127.0.0.1'] } }],
])('a forward-auth check of a peer %s gets 403', async (_, settings) => {
  const node = await nodeWith(settings)
  const { reply } = await ask(node, '/.gatehouse/check', [...checkFields('/open/1'), ['X-Forwarded-For', '10.0.0.1']])

  expect(reply?.status).toBe(403)
})

test.each([
  [{ proxies: [] }, 'must not be empty; remove the key to trust no proxy'],
  [{ proxies: ['0.0.0.0/0'] }, 'must not include all addresses'],
  [{ proxies: ['::/0'] }, 'must not include all addresses'],
  [{ check: { peers: ['0.0.0.0/0'] } }, 'must not include all addresses'],
  [{ check: { peers: ['gate.internal'] } }, 'an address or a CIDR block'],
  [{ proxy_protocol: 'required' }, 'list the proxies'],
])('S-127: a node with the settings %j does not start and exits with 1', async (settings, message) => {
  await expect(nodeWith(settings)).rejects.toMatchObject({ exitCode: 1, stderr: expect.stringContaining(message) })
})
