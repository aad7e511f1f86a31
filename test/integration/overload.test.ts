import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startCodeGate } from '../kit/code-gate.ts'
import { startIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode, startNodeProcess } from '../kit/node.ts'
import { programUrl } from '../kit/programs.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import type { NodeOptions, TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { Held } from './held-replies.ts'

// docs/guide/overload.md on a real node: which requests are shed when many exchanges are in flight, or when the event
// loop is busy. The test clients have the addresses 127.0.0.x; a caller with a new address is a stranger.

const shed = 'gatehouse_overload_shed_total'
const issuer = await startIssuer()
const token = issuer.sign()
const held = new Held()
const service = await startUpstream({ handler: held.handler })
const scope = { scopes: { all: ['orders:read'] } }
const route = (id: string, entry: object) => ({ id, match: { path: `/${id}/**` }, require: scope, ...entry })

const policy = {
  version: 1,
  issuers: { main: { issuer: issuer.url, audience: ['https://api.test'] } },
  services: {
    orders: {
      upstreams: [service.url],
      routes: [
        route('batch', { priority: 'batch' }),
        route('orders', {}),
        route('critical', { priority: 'critical' }),
        route('public', { require: 'public' }),
      ],
    },
  },
}

function optionsOf(overload: object): NodeOptions {
  return {
    policy,
    settings: {
      overload: { mode: 'shed', delay: '10s', ...overload },
      proxies: [{ address: '127.9.9.9', mode: 'tcp' }],
      check: { peers: ['127.0.0.1'] },
    },
  }
}

function start(overload: object): Promise<TestNode> {
  return startNode(optionsOf(overload))
}

const get = (node: TestNode, target: string, from: string, bearer?: string): Promise<RawReply> =>
  request(node.port, requestBytes({ target, ...(bearer && { token: bearer }) }), { from })

/** Holds `count` requests at the service, one after the other. */
async function hold(node: TestNode, count: number, target: string, from: string, bearer?: string) {
  const replies: Promise<RawReply>[] = []
  for (let n = 0; n < count; n++) {
    replies.push(get(node, target, from, bearer))
    const wanted = held.waiting + 1
    await until(`request ${n} waits at the service`, () => held.waiting >= wanted)
  }
  return replies
}

const outcome = ({ status, text }: RawReply) => (status === 503 ? (JSON.parse(text) as { code: string }).code : status)

test('with a limit of 10 exchanges in flight, unknown addresses get 503 from 7 exchanges on, then known addresses, then users by priority', async () => {
  const node = await start({ in_flight: 10 })
  // This request makes the token and the address 127.0.0.10 known.
  expect((await get(node, '/orders/1', '127.0.0.10', token)).status).toBe(200)
  held.hold()

  const replies = await hold(node, 7, '/public/1', '127.0.0.20')
  const refused = await get(node, '/public/1', '127.0.0.20')
  expect(outcome(refused)).toBe('overloaded')
  expect(Number(refused.field('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(Number(refused.field('retry-after'))).toBeLessThanOrEqual(5)
  const check = {
    target: '/.gatehouse/check',
    fields: [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Uri', '/public/1'],
      ['X-Forwarded-Host', 'api.test'],
      ['X-Forwarded-For', '203.0.113.7'],
    ],
  } as const
  expect(outcome(await request(node.port, requestBytes(check)))).toBe('overloaded')
  expect(outcome(await get(node, '/orders/1', '127.0.0.20', issuer.sign()))).toBe('overloaded')

  replies.push(...(await hold(node, 1, '/orders/1', '127.0.0.10', issuer.sign())))
  expect(outcome(await get(node, '/public/1', '127.0.0.10'))).toBe('overloaded')
  replies.push(...(await hold(node, 1, '/orders/1', '127.0.0.20', token)))
  expect(outcome(await get(node, '/batch/1', '127.0.0.20', token))).toBe('overloaded')
  expect(outcome(await get(node, '/orders/1', '127.0.0.20', token))).toBe('overloaded')
  replies.push(...(await hold(node, 1, '/critical/1', '127.0.0.20', token)))
  expect(outcome(await get(node, '/critical/1', '127.0.0.20', token))).toBe('overloaded')
  expect((await request(node.adminPort, requestBytes({ target: '/readyz', host: 'localhost' }))).status).toBe(200)
  const keys = '/.well-known/gatehouse/jwks.json'
  expect((await get(node, keys, '127.0.0.20')).status).toBe(200)

  held.release()
  expect((await Promise.all(replies)).map(outcome)).toEqual(Array.from({ length: 10 }, () => 200))
  expect((await get(node, '/public/1', '127.0.0.20')).status).toBe(200)
  const reading = await readMetrics(node.adminPort)
  expect(reading.sum(shed, { caller: 'stranger', priority: 'default', cause: 'in_flight' })).toBe(3)
  expect(reading.sum(shed, { caller: 'address', priority: 'default', cause: 'in_flight' })).toBe(1)
  expect(reading.sum(shed, { caller: 'user', cause: 'in_flight' })).toBe(3)
  expect(reading.sum('gatehouse_overload_in_flight')).toBe(0)
  await node.waitForLine(({ msg }) => msg === 'overload: the node sheds requests')
  await node.waitForRecord(({ reason, status }) => reason === 'overloaded' && status === 503)
})

test('event streams do not count as exchanges in flight', async () => {
  const node = await start({ in_flight: 2 })
  held.stream()
  const events: Promise<RawReply>[] = []
  for (let open = 1; open <= 4; open++) {
    events.push(get(node, '/public/events', '127.0.0.30'))
    await until(`${open} event streams are open`, async () => {
      return (await readMetrics(node.adminPort)).sum('gatehouse_streams', { kind: 'events' }) === open
    })
  }
  expect((await readMetrics(node.adminPort)).sum('gatehouse_overload_in_flight')).toBe(0)

  held.release()
  await Promise.all(events)
})

test('a reload of the settings puts mode: observe into effect, and the node then admits and counts the requests above its limit', async () => {
  const node = await start({ in_flight: 1 })
  held.hold()
  const first = await hold(node, 1, '/public/1', '127.0.0.40')
  expect(outcome(await get(node, '/public/1', '127.0.0.40'))).toBe('overloaded')

  const settings = node.folder.file('gatehouse.yaml')
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('mode: shed', 'mode: observe'))
  node.reload()
  await node.waitForLine(({ msg }) => msg === 'settings reloaded')
  const second = await hold(node, 1, '/public/1', '127.0.0.40')
  held.release()

  expect((await Promise.all([...first, ...second])).map(outcome)).toEqual([200, 200])
  expect((await readMetrics(node.adminPort)).sum(shed)).toBe(2)
})

test('a busy event loop sheds strangers and no user, and the node admits strangers again after the load', async () => {
  const node = await startNodeProcess({
    ...optionsOf({ delay: '5ms' }),
    env: { NODE_OPTIONS: `--import ${programUrl('busy-loop')}` },
  })
  expect((await get(node, '/orders/1', '127.0.0.10', token)).status).toBe(200)
  node.signal('SIGUSR2')
  let isLoaded = true
  const strangers = Array.from({ length: 16 }, async (_, n) => {
    while (isLoaded) await get(node, '/public/1', `127.0.1.${n + 1}`)
  })
  try {
    await until('the node sheds strangers', async () => {
      expect((await get(node, '/orders/1', '127.0.0.10', token)).status).toBe(200)
      return (await readMetrics(node.adminPort)).sum(shed, { caller: 'stranger', cause: 'delay' }) > 0
    })
  } finally {
    isLoaded = false
    await Promise.allSettled(strangers)
  }

  node.signal('SIGUSR2')
  await until('the node sheds nothing', async () => {
    return (await readMetrics(node.adminPort)).sum('gatehouse_overload_level') === 0
  })
  expect((await get(node, '/public/1', '127.0.1.1')).status).toBe(200)
  expect((await readMetrics(node.adminPort)).sum(shed, { caller: 'user' })).toBe(0)
})

test('of many strangers at a busy event loop, some wait for their refusal, and all get a reply', async () => {
  const node = await startNodeProcess({
    ...optionsOf({ delay: '1ms', refusal_delay: '3s' }),
    env: { NODE_OPTIONS: `--import ${programUrl('busy-loop')}` },
  })
  node.signal('SIGUSR2')
  let isLoaded = true
  const statuses = new Set<number>()
  const upload = requestBytes({ method: 'POST', target: '/public/1', body: Buffer.alloc(20_000) })
  const ask = async (n: number): Promise<RawReply> => {
    const from = `127.0.1.${n + 1}`
    return n % 2 === 0 ? get(node, '/public/1', from) : request(node.port, upload, { from })
  }
  const strangers = Array.from({ length: 160 }, async (_, n) => {
    while (isLoaded) statuses.add((await ask(n)).status)
  })
  const waiting = async () => (await readMetrics(node.adminPort)).sum('gatehouse_overload_delayed_refusals')
  try {
    await until('refusals wait', async () => (await waiting()) > 0)
  } finally {
    isLoaded = false
  }

  await Promise.all(strangers)
  expect([...statuses].toSorted()).toEqual([200, 503])
  expect(await waiting()).toBe(0)
})

test('an overloaded node begins no login, and completes a login that has begun', async () => {
  const gate = await startCodeGate({ settings: { overload: { mode: 'shed', in_flight: 1, delay: '10s' } } })
  const orders = new Held()
  gate.orders.handler = orders.handler
  const [node] = gate.nodes
  const begin = () => get(node!, '/.gatehouse/login', '127.0.0.50')
  expect((await begin()).status).toBe(303)

  orders.hold()
  const waiting = get(node!, '/public/1', '127.0.0.50')
  await until('a request waits at the service', () => orders.waiting === 1)
  const refused = await begin()
  expect([refused.status, refused.field('retry-after')]).toEqual([503, expect.stringMatching(/^[1-5]$/)])
  const callback = `${new URL(gate.callback).pathname}?code=x&state=y`
  expect((await get(node!, callback, '127.0.0.50')).status).toBe(400)

  orders.release()
  await waiting
  expect((await begin()).status).toBe(303)
})
