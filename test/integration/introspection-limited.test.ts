import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { exchange, requestBytes } from '../kit/raw-client.ts'
import { later, swap } from '../kit/swap.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// An issuer that limits introspection requests (429): unauthenticated clients cannot use up the introspections that
// users need.

/** Introspection requests that the issuer accepts per second; further requests get 429 with `Retry-After: 1`. */
const ISSUER_PER_S = 20

let issuer: IntrospectionIssuer
let orders: string
let stranger = 0

beforeAll(async () => {
  orders = (await startUpstream()).url
})

function limitIssuer(): void {
  const taken: number[] = []
  issuer.script = ({ atMs }) => {
    while (taken.length > 0 && taken[0]! <= atMs - 1000) taken.shift()
    if (taken.length >= ISSUER_PER_S) return { status: 429, headers: { 'retry-after': '1' }, body: '' }
    taken.push(atMs)
    return undefined
  }
}

/** Nodes by their `limits.address`. */
const nodes = new Map<string, TestNode>()

/** Returns a node with a new issuer. Tests with the same limits share one node, and no test shares an issuer. */
async function node(introspection: Readonly<Record<string, unknown>>, limits: object = {}): Promise<TestNode> {
  issuer = await startIntrospectionIssuer()
  const settings = { limits: { address: limits } }
  const options = opaqueGate({ issuer: issuer.url, orders, introspection, settings })
  const key = JSON.stringify(limits)
  const running = nodes.get(key)
  if (running === undefined) {
    const started = await startNode(options)
    nodes.set(key, started)
    return started
  }
  await swap(running, options.policy)
  return running
}

let addresses = 0

/** Returns a client address that no other test has used. */
const address = (): string => `127.0.1.${++addresses}`

async function ask(at: TestNode, token: string, from: string): Promise<number> {
  const { replies } = await exchange(at.port, requestBytes({ target: '/orders/1', token }), { from })
  return replies[0]!.status
}

/** Sends `perS` random tokens per second until `stop` is called. */
function flood(at: TestNode, perS: number, address: () => string): { stop: () => Promise<number[]> } {
  const replies: Promise<number>[] = []
  const timer = setInterval(() => {
    // A request fails if the node has already stopped, which happens when the test fails.
    replies.push(ask(at, randomBytes(24).toString('base64url'), address()).catch(() => 0))
  }, 1000 / perS)
  atEnd(async () => clearInterval(timer))
  return {
    stop: () => {
      clearInterval(timer)
      return Promise.all(replies)
    },
  }
}

async function goodTokens(at: TestNode, count: number, from: string): Promise<number[]> {
  const statuses: number[] = []
  for (let i = 0; i < count; i++) {
    statuses.push(await ask(at, issuer.issue(), from))
    await sleep(50)
  }
  return statuses
}

test('a flood of 36 random tokens per second from one address does not stop the introspection of new tokens of another address', async () => {
  const gate = await node({ negative_cache: '0s', timeout: '20s' })
  expect(await ask(gate, issuer.issue(), address())).toBe(200)
  limitIssuer()
  const attacker = address()
  const attack = flood(gate, 36, () => attacker)
  await until('the issuer says 429, or the address is limited', () => issuer.asked.length >= ISSUER_PER_S)

  expect(await goodTokens(gate, 40, address())).toEqual(Array.from({ length: 40 }, () => 200))
  expect(await attack.stop()).not.toContain(200)
})

test('the gate replies 429 to new tokens of an address with many failed introspections, and still serves another address', async () => {
  const gate = await node(
    { negative_cache: '0s', timeout: '20s' },
    { per_second: 0.2, burst: 100, introspections_per_second: 0.02 },
  )
  const known = issuer.issue()
  const from = address()
  expect(await ask(gate, known, from)).toBe(200)
  const statuses: number[] = []
  // Each failed introspection costs 10 failed verifications, and the limit of an address permits a burst of 100.
  for (let i = 0; i < 12; i++) statuses.push(await ask(gate, `unknown-${i}`, from))

  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429])
  expect(await ask(gate, issuer.issue(), from)).toBe(429)
  expect(await ask(gate, known, from)).toBe(200)
  expect(await ask(gate, issuer.issue(), address())).toBe(200)
})

test('the gate charges an address for introspections that exceed the queue limit of the address, and then replies 429 to new tokens of the address', async () => {
  const gate = await node({ timeout: '30s' }, { per_second: 0.2, burst: 100, introspections_per_second: 0.02 })
  const known = issuer.issue()
  const from = address()
  expect(await ask(gate, known, from)).toBe(200)
  issuer.script = () => ({ silent: true })
  const statuses: number[] = []
  const random = () => ask(gate, randomBytes(24).toString('base64url'), from)
  // More introspections than one address can have in the queue. Some replies may come after the end of the test.
  for (let i = 0; i < 350; i++) {
    void random().then(
      (status) => statuses.push(status),
      () => undefined,
    )
  }
  await until('questions are refused', () => statuses.includes(503))
  await until('the address is limited', async () => (await random()) === 429)

  expect(await ask(gate, known, from)).toBe(200)
})

test('a flood of random tokens from many addresses does not stop the introspection of new tokens of an address with a recent valid token', async () => {
  const gate = await node({ negative_cache: '0s', timeout: '20s' }, { introspections_per_second: 1000 })
  const from = address()
  expect(await ask(gate, issuer.issue(), from)).toBe(200)
  limitIssuer()
  const attack = flood(gate, 36, () => `127.1.${(stranger >> 8) & 255}.${stranger++ & 255}`)
  const before = issuer.asked.length
  await until('the issuer is asked too much', () => issuer.asked.length >= before + ISSUER_PER_S + 10)

  expect(await goodTokens(gate, 20, from)).toEqual(Array.from({ length: 20 }, () => 200))
  await attack.stop()
})

test('while the issuer replies 429 to every introspection, the gate admits a known token within its `stale` time', async () => {
  const gate = await node({ cache: '1s', stale: '60s', timeout: '2s' })
  const token = issuer.issue()
  const from = address()
  expect(await ask(gate, token, from)).toBe(200)
  issuer.script = () => ({ status: 429, headers: { 'retry-after': '2' }, body: '' })
  await sleep(1100)
  const before = issuer.asked.length
  const statuses = new Set<number>()
  await until('the issuer has been asked again and again', async () => {
    statuses.add(await ask(gate, token, from))
    return issuer.asked.length >= before + 2
  })

  expect(statuses).toEqual(new Set([200]))
  expect(await ask(gate, issuer.issue(), from)).toBe(503)
})

test('after a 429 of the issuer, the gate has at most one introspection in progress until Retry-After has passed', async () => {
  const gate = await node({ timeout: '20s' })
  let limited = false
  let [underWay, most] = [0, 0]
  issuer.script = () => {
    if (!limited) {
      limited = true
      return { status: 429, headers: { 'retry-after': '3' }, body: '' }
    }
    underWay++
    most = Math.max(most, underWay)
    setTimeout(() => underWay--, 100)
    return { delayMs: 100 }
  }
  const seen = gate.log.length
  const untilMs = performance.now() + 2900
  const first = ask(gate, issuer.issue(), address())
  await later(gate, seen, ({ error }) => String(error).includes('sends requests more slowly'))
  const statuses = await Promise.all([first, ...[2, 3, 4].map(() => ask(gate, issuer.issue(), address()))])

  expect(statuses).toEqual([200, 200, 200, 200])
  // On a busy machine the replies may come after Retry-After has passed. The gate may then have several introspections
  // in progress.
  if (performance.now() < untilMs) expect(most).toBe(1)
})

test.each([
  ['seconds', () => '1'],
  ['a date', () => new Date(Date.now() + 1000).toUTCString()],
])(
  'after a 503 with Retry-After (as %s) from the issuer, the gate repeats the introspection',
  async (_, retryAfter) => {
    const gate = await node({ timeout: '20s' })
    const token = issuer.issue()
    issuer.script = (asked) =>
      asked.token === token && issuer.askedAbout(token) === 1
        ? { status: 503, headers: { 'retry-after': retryAfter() }, body: '' }
        : undefined

    expect(await ask(gate, token, address())).toBe(200)
    expect(issuer.askedAbout(token)).toBe(2)
  },
)
