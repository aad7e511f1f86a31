import { beforeAll, expect, test } from 'vitest'
import { publicPolicy } from '../integration/data-plane-node.ts'
import { startNode } from '../kit/node.ts'
import { exchange, request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

// How the pinned uWebSockets.js reads PROXY v2 frames of a trusted proxy, before any code of Gatehouse runs
// (docs/guide/operating.md, "PROXY v2"). If a new build reads a frame in another way, these tests fail and the page
// must be changed.

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const ports = Buffer.from([0x12, 0x34, 0x1f, 0x90])
const v4 = Buffer.concat([Buffer.from([203, 0, 113, 9, 127, 0, 0, 1]), ports])
const v6 = Buffer.concat([Buffer.from(`20010db8${'00'.repeat(11)}0120010db8${'00'.repeat(11)}02`, 'hex'), ports])
const tlv = (bytes: number) => Buffer.concat([Buffer.from([0x04, 0, bytes - 3]), Buffer.alloc(bytes - 3)])

interface FrameParts {
  readonly version?: number
  readonly command?: number
  readonly family?: number
  readonly block?: Buffer
}

const [LOCAL, PROXY] = [0, 1]
const [UNSPEC, TCP4, UDP4, TCP6, UDP6, UNIX] = [0x00, 0x11, 0x12, 0x21, 0x22, 0x31]

function frame({ version = 2, command = PROXY, family = TCP4, block = v4 }: FrameParts): Buffer {
  return Buffer.concat([signature, Buffer.from([(version << 4) | command, family, 0, block.length]), block])
}

let node: TestNode
beforeAll(async () => {
  const upstream = await startUpstream()
  node = await startNode({
    policy: publicPolicy({ s: { upstreams: [upstream.url] } }),
    settings: { proxies: ['127.0.0.1'], proxy_protocol: 'required', request: { idle: '8s' } },
  })
})

let count = 0
function requestAfter(before: Buffer): { readonly target: string; readonly bytes: Buffer } {
  const target = `/s/${count++}`
  return { target, bytes: Buffer.concat([before, Buffer.from(requestBytes({ target }))]) }
}

/** Sends a request after these bytes and expects 200. @returns the client address in the access log */
async function addressAfter(before: Buffer): Promise<unknown> {
  const { target, bytes } = requestAfter(before)
  expect((await request(node.port, bytes)).status).toBe(200)
  return (await node.waitForRecord(({ path }) => path === target))['address']
}

test.each([
  ['TCP over IPv4', {}, '203.0.113.9'],
  ['TCP over IPv4 with 24 bytes of TLVs', { block: Buffer.concat([v4, tlv(24)]) }, '203.0.113.9'],
  ['TCP over IPv6', { family: TCP6, block: v6 }, '2001:db8::1'],
  ['UDP over IPv4', { family: UDP4 }, '203.0.113.9'],
  ['UDP over IPv6', { family: UDP6, block: v6 }, '2001:db8::1'],
  ['command LOCAL with an address block', { command: LOCAL }, '203.0.113.9'],
  ['an unknown command', { command: 2 }, '203.0.113.9'],
] as const)('uWebSockets.js accepts a PROXY v2 frame of %s and uses its client address', async (_, parts, address) => {
  expect(await addressAfter(frame(parts))).toBe(address)
})

test.each([
  ['UNIX', UNIX],
  ['an unknown family', 0x41],
])('uWebSockets.js accepts a PROXY v2 frame of %s and reads its address block as IPv6', async (_, family) => {
  expect(await addressAfter(frame({ family, block: Buffer.concat([v4, tlv(24)]) }))).toMatch(/^cb00:7109:7f00:1:/)
})

test.each([
  ['without an address block', {}],
  ['of command LOCAL without an address block', { command: LOCAL }],
  ['of IPv6 without an address block', { family: TCP6 }],
] as const)('uWebSockets.js accepts a PROXY v2 frame %s and reports a wrong client address', async (_, parts) => {
  await addressAfter(frame({ block: Buffer.from([198, 51, 100, 7, 127, 0, 0, 1, 0, 1, 0, 1]) }))

  expect(await addressAfter(frame({ ...parts, block: Buffer.alloc(0) }))).not.toBe('127.0.0.1')
})

test('uWebSockets.js fills up the address of a PROXY v2 frame that is too short with bytes from an earlier client', async () => {
  const addresses = new Set<unknown>()
  for (let i = 0; i < 8; i++) {
    await addressAfter(frame({ block: Buffer.from([198, 51, 100, 7, 127, 0, 0, 1, 0, 1, 0, 1]) }))
    addresses.add(await addressAfter(frame({ block: Buffer.from([10, 1]) })))
  }

  expect(addresses).toContain('10.1.100.7')
})

test.each([
  ['LOCAL without an address', { command: LOCAL, family: UNSPEC, block: Buffer.alloc(0) }],
  ['PROXY of family UNSPEC', { family: UNSPEC, block: Buffer.alloc(0) }],
  ['PROXY of family UNSPEC with a block', { family: UNSPEC }],
])('the gate rejects a PROXY v2 frame without an address: %s', async (_, parts) => {
  const { target, bytes } = requestAfter(frame(parts))

  expect((await request(node.port, bytes)).status).toBe(400)
  expect(await node.waitForRecord(({ path }) => path === target)).toMatchObject({ reason: 'proxied-address' })
})

test('uWebSockets.js replies 505 to a PROXY v1 header', async () => {
  const v1 = Buffer.from('PROXY TCP4 203.0.113.9 127.0.0.1 4660 8080\r\n')

  expect((await exchange(node.port, requestAfter(v1).bytes, { replies: 'all' })).replies).toMatchObject([
    { status: 505 },
  ])
})

test('uWebSockets.js sends no reply to PROXY v2 frames that it cannot read, and the gate logs no request', async () => {
  const cases = [
    requestAfter(frame({ block: Buffer.concat([v4, tlv(25)]) })),
    requestAfter(frame({ family: TCP6, block: Buffer.concat([v6, tlv(4)]) })),
    requestAfter(frame({ family: UNIX, block: Buffer.alloc(216, 0x41) })),
    requestAfter(frame({ version: 1 })),
    requestAfter(frame({ version: 3 })),
    requestAfter(Buffer.concat([frame({}), frame({})])),
  ]
  const exchanges = await Promise.all(cases.map(({ bytes }) => exchange(node.port, bytes, { replies: 'all' })))

  expect(exchanges.map(({ replies }) => replies)).toEqual(cases.map(() => []))
  const paths = new Set(cases.map(({ target }) => target))
  expect(node.accessLog().filter(({ path }) => paths.has(String(path)))).toEqual([])
})

test('a node logs `proxy_protocol: required` at start as a relaxation, with a safer alternative', async () => {
  const listening = await node.waitForLine(({ msg }) => msg === 'node started')

  expect(listening['relaxations']).toEqual([
    'proxy_protocol: required (safer: a balancer in HTTP mode that states the client in X-Forwarded-For)',
  ])
})
