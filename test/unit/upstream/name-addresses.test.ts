import { createServer, type Server } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import type { Balancer } from '../../../gateway/upstream/balancer.ts'
import { systemResolver } from '../../../gateway/upstream/names/name-resolver.ts'
import { TargetRegistry, type UpstreamSettings } from '../../../gateway/upstream/target-registry.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { Http2Service } from '../../kit/http2-service.ts'
import { ManualTimers } from '../../kit/manual-timers.ts'
import { until } from '../../kit/until.ts'
import { called, send } from './call-log.ts'

// Each address of a name is a member of its service. The test replaces DNS and moves the clock of the lookups; the
// services are real servers on several addresses of the loopback interface.

const ejection = {
  failures: 5,
  errors: 1,
  errorRate: 1,
  slower: Number.POSITIVE_INFINITY,
  maxEjected: 0.5,
  timeMs: 10_000,
  maxTimeMs: 60_000,
}
const rules = { path: '/', expect: [{ from: 200, to: 299 }], intervalMs: 1e8, timeoutMs: 1e7, healthy: 1, unhealthy: 1 }

/** A request that a server received. */
interface Received {
  readonly address: string
  readonly host: string | undefined
  readonly path: string | undefined
}

/** Servers with the same port on several addresses. `/held` is never answered completely; `/NUMBER` sets the status. */
class Addresses {
  port = 0
  readonly received: Received[] = []
  readonly open = new Map<string, number>()
  readonly ends: (() => void)[] = []
  readonly failing = new Set<string>()

  static async start(...addresses: string[]): Promise<Addresses> {
    const started = new Addresses()
    for (const address of addresses) await started.add(address)
    return started
  }

  async add(address: string): Promise<void> {
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.received.push({ address, host: request.headers.host, path: request.url })
      if (this.failing.has(address)) response.statusCode = 503
      if (request.url === '/held') {
        response.write('begun, ')
        this.ends.push(() => response.end('ended'))
      } else response.end(address)
    })
    server.on('connection', (socket) => {
      this.#count(address, 1)
      socket.on('close', () => this.#count(address, -1))
    })
    await listening(server, this.port, address)
    this.port = (server.address() as AddressInfo).port
    atEnd(() => {
      server.close()
      server.closeAllConnections()
    })
  }

  #count(address: string, by: number): void {
    this.open.set(address, (this.open.get(address) ?? 0) + by)
  }
}

async function listening(server: Server, port: number, address: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
}

/** A node's upstreams, and DNS as the test states it. */
class Named {
  /** Reply of DNS for every name, or the code of its error. */
  reply: readonly string[] | string = []
  lookups = 0
  readonly timers = new ManualTimers()
  readonly lines: [message: string, fields: Readonly<Record<string, unknown>>][] = []
  readonly registry = new TargetRegistry({
    timers: this.timers,
    log: (_, message, fields) => this.lines.push([message, fields]),
    resolver: {
      ...systemResolver,
      resolve: async (name) => {
        this.lookups++
        if (typeof this.reply === 'string')
          throw Object.assign(new Error(`${this.reply} ${name}`), { code: this.reply })
        return { addresses: this.reply }
      },
    },
  })
  readonly balancer: Balancer

  constructor(service: UpstreamSettings) {
    const [balancer] = this.registry.replace([service])
    this.balancer = balancer!
    this.registry.watch()
    atEnd(() => this.registry.close())
  }

  /** Starts with this reply, and waits for the first lookup. */
  static async start(service: UpstreamSettings, reply: Named['reply']): Promise<Named> {
    const named = new Named(service)
    named.reply = reply
    await named.timers.pass(0)
    return named
  }

  /** Changes the reply, and waits until each name was looked up again. */
  async change(reply: Named['reply']): Promise<void> {
    this.reply = reply
    await this.timers.pass(6001)
  }

  get addresses(): (string | undefined)[] {
    return this.balancer.targets.map(({ peer }) => peer)
  }

  get states() {
    return this.balancer.members.map((member) => member.stateAt(performance.now(), 10_000))
  }

  get messages(): string[] {
    return this.lines.map(([message]) => message)
  }

  async calls(count: number): Promise<string[]> {
    const bodies: string[] = []
    for (let n = 0; n < count; n++) bodies.push((await called(this.balancer.next(), { fields: [] })).body)
    return bodies
  }
}

const serviceOf = (port: number, given: Partial<UpstreamSettings> = {}): UpstreamSettings => ({
  id: 'orders',
  upstreams: [new URL(`http://orders.test:${port}`)],
  maxCalls: 1024,
  timeouts: { connectMs: 5000 },
  ...given,
})
const three = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

test('the calls of a name with several addresses are distributed over all of them, with the name as Host', async () => {
  const servers = await Addresses.start(...three)
  const named = await Named.start(serviceOf(servers.port), three)
  const bodies = await named.calls(60)

  expect(new Set(bodies)).toEqual(new Set(three))
  expect(new Set(servers.received.map(({ host }) => host))).toEqual(new Set([`orders.test:${servers.port}`]))
  expect(named.lookups).toBe(1)
})

test('an address that is removed from a name gets no new calls, its running call completes, and its connections are closed', async () => {
  const servers = await Addresses.start(...three)
  const named = await Named.start(serviceOf(servers.port), ['127.0.0.1'])
  const held = send(named.balancer.next(), { target: '/held' })
  await until('the call has begun', () => held.body === 'begun, ')
  await named.calls(1)
  expect(servers.open.get('127.0.0.1')).toBe(2)

  await named.change(['127.0.0.2', '127.0.0.3'])
  await until('the idle connection is closed', () => servers.open.get('127.0.0.1') === 1)
  expect(await named.calls(30)).not.toContain('127.0.0.1')

  servers.ends[0]!()
  await held.over()
  expect(held).toMatchObject({ body: 'begun, ended', events: ['head', 'data', 'end'] })
  await until('the last connection is closed', () => servers.open.get('127.0.0.1') === 0)
  expect(named.lines).toContainEqual([
    'addresses of an upstream name changed',
    { name: 'orders.test', added: ['127.0.0.2', '127.0.0.3'], removed: ['127.0.0.1'] },
  ])
})

test('an address that is added to a name begins with the slow start, and the other addresses keep their connections', async () => {
  const servers = await Addresses.start(...three)
  const named = await Named.start(serviceOf(servers.port), three.slice(0, 2))
  await named.calls(30)
  const before = named.balancer.targets
  expect(named.states).toEqual(['up', 'up'])

  await named.change(three)
  expect(named.states).toEqual(['up', 'up', 'slow-start'])
  expect(named.balancer.targets.slice(0, 2)).toEqual(before)
  expect([servers.open.get('127.0.0.1'), servers.open.get('127.0.0.2')]).toEqual([1, 1])
})

test('another order of the addresses in a DNS reply changes nothing', async () => {
  const named = await Named.start(serviceOf(1), three)
  const { targets } = named.balancer
  await named.change(three.toReversed())

  expect(named.balancer.targets).toEqual(targets)
  expect(named.messages).toEqual([])
})

test('a change of the policy keeps the addresses of names, and the connections and states of upstreams', async () => {
  const servers = await Addresses.start(...three)
  const named = await Named.start(serviceOf(servers.port), three)
  await named.calls(30)
  const [after] = named.registry.replace([serviceOf(servers.port), serviceOf(servers.port, { id: 'other' })])

  expect(after!.targets).toEqual(named.balancer.targets)
  expect(after!.members.map(({ state }) => state)).toEqual(named.balancer.members.map(({ state }) => state))
  expect(named.lookups).toBe(1)
})

test('while lookups of a name fail, its latest addresses stay in use for an hour, and one line is logged', async () => {
  const named = await Named.start(serviceOf(1), three)
  await named.change('EAI_AGAIN')
  await named.timers.pass(3_580_000)
  expect(named.addresses).toEqual(three)
  expect(named.messages).toEqual(['lookup of an upstream name failed'])

  await named.timers.pass(30_000)
  expect(named.addresses).toEqual([undefined])
  expect(named.messages).toEqual([
    'lookup of an upstream name failed',
    'addresses of an upstream name are no longer used',
  ])

  await named.change(three)
  expect(named.addresses).toEqual(three)
  expect(named.messages.at(-1)).toBe('upstream name resolved again')
})

test.each([
  ['without a record', 'ENOTFOUND'],
  ['without an address', []],
  ['with an address at which clouds serve credentials', ['127.0.0.1', '169.254.169.254']],
])(
  'when DNS returns a name %s, its previous addresses stay in use for 30 s, and no address of this reply is used',
  async (_, reply) => {
    const named = await Named.start(serviceOf(1), three)
    await named.change(reply)
    await named.timers.pass(20_000)
    expect(named.addresses).toEqual(three)

    await named.timers.pass(25_000)
    expect(named.addresses).toEqual([undefined])
  },
)

test('a name is looked up again 5 to 6 s after a lookup, and 1 to 1.2 s after the first failed lookup', async () => {
  const named = await Named.start(serviceOf(1), three)
  await named.timers.pass(4999)
  expect(named.lookups).toBe(1)
  named.reply = 'EAI_AGAIN'
  await named.timers.pass(1001)
  expect(named.lookups).toBe(2)
  await named.timers.pass(1200)
  expect(named.lookups).toBe(3)
})

test('while a name does not resolve, each connection looks it up itself, and the fault of a call names the cause', async () => {
  const named = await Named.start(serviceOf(1, { upstreams: [new URL('http://missing.invalid')] }), 'ENOTFOUND')
  const log = await called(named.balancer.next())

  expect(named.addresses).toEqual([undefined])
  expect(log.fault).toMatchObject({
    reason: 'upstream-unreachable',
    message: expect.stringContaining('missing.invalid'),
  })
  expect(named.messages).toEqual(['lookup of an upstream name failed'])
})

test('an upstream whose URL has an address is never looked up', async () => {
  const upstreams = [new URL('http://127.0.0.1:1'), new URL('http://[::1]:1')]
  const named = await Named.start(serviceOf(1, { upstreams }), three)

  expect(named.timers.waiting).toBe(0)
  expect(named.lookups).toBe(0)
  expect(named.addresses).toEqual([undefined, undefined])
})

test('a node uses at most 64 addresses of a name, and keeps those that it uses', async () => {
  const many = Array.from({ length: 100 }, (_, n) => `127.0.1.${n + 1}`)
  const named = await Named.start(serviceOf(1), many)
  expect(named.addresses).toEqual(many.slice(0, 64))

  await named.change(many.toReversed())
  expect(named.addresses).toEqual(many.slice(0, 64))
  await named.change(many.slice(1))
  expect(named.addresses).toEqual(many.slice(1, 64).concat(named.addresses.at(-1)!))
  expect(named.addresses).toHaveLength(64)
})

test('the addresses of an upstream share its weight', async () => {
  const servers = await Addresses.start(...three)
  const upstreams = [new URL(`http://orders.test:${servers.port}`), new URL(`http://127.0.0.3:${servers.port}`)]
  const named = await Named.start(serviceOf(servers.port, { upstreams, weights: [1, 9] }), three.slice(0, 2))
  const shares = new Map<string, number>()
  for (let n = 0; n < 2000; n++) {
    const { peer = 'other' } = named.balancer.next()
    shares.set(peer, (shares.get(peer) ?? 0) + 1)
  }

  // Without calls in flight, the balancer picks at random by the shares: 5 %, 5 % and 90 %.
  for (const address of three.slice(0, 2)) expect(shares.get(address)! / 2000).toBeCloseTo(0.05, 1)
  expect(shares.get('other')! / 2000).toBeCloseTo(0.9, 1)
})

test('one address of a name can be ejected alone, and the other addresses get its calls', async () => {
  const servers = await Addresses.start(...three)
  servers.failing.add('127.0.0.2')
  const named = await Named.start(serviceOf(servers.port, { ejection }), three)
  await until('the address is ejected', async () => {
    await named.calls(1)
    return named.states.includes('ejected')
  })

  expect(named.states).toEqual(['up', 'ejected', 'up'])
  expect(new Set(await named.calls(30))).toEqual(new Set(['127.0.0.1', '127.0.0.3']))
  expect(named.lines).toContainEqual([
    'upstream ejected',
    expect.objectContaining({ upstream: `http://orders.test:${servers.port}`, address: '127.0.0.2', cause: 'errors' }),
  ])
})

test('an ejected address that leaves its name and returns is still ejected', async () => {
  const servers = await Addresses.start(...three)
  servers.failing.add('127.0.0.2')
  const named = await Named.start(serviceOf(servers.port, { ejection }), three)
  await until('the address is ejected', async () => {
    await named.calls(1)
    return named.states.includes('ejected')
  })
  await named.change(['127.0.0.1', '127.0.0.3'])
  expect(named.states).toEqual(['up', 'up'])

  await named.change(['127.0.0.1', '127.0.0.3', '127.0.0.2'])
  expect(named.states).toEqual(['up', 'up', 'ejected'])
})

test('an address that leaves its name and returns begins with the slow start, and its running calls still count', async () => {
  const servers = await Addresses.start(...three)
  const named = await Named.start(serviceOf(servers.port), three.slice(0, 2))
  const held = send(named.balancer.targets[1]!, { target: '/held' })
  await until('the call has begun', () => held.body === 'begun, ')

  await named.change(['127.0.0.1'])
  await named.change(three.slice(0, 2))
  expect(named.states).toEqual(['up', 'slow-start'])
  expect(named.balancer.targets.map(({ calls }) => calls)).toEqual([0, 1])
})

test('a drain of an upstream covers all its addresses, also those that its name gets later', async () => {
  const named = await Named.start(serviceOf(1), three.slice(0, 2))
  named.registry.drain(new Map([['orders http://orders.test:1', Number.POSITIVE_INFINITY]]))
  expect(named.states).toEqual(['drained', 'drained'])

  await named.change(three)
  expect(named.states).toEqual(['drained', 'drained', 'drained'])
})

test('each address of a name has its own health checks, also an address that is added', async () => {
  const servers = await Addresses.start(...three)
  servers.failing.add('127.0.0.2')
  const named = await Named.start(serviceOf(servers.port, { health: rules }), three.slice(0, 2))
  await named.timers.pass(1000)
  await until('the address fails its check', () => named.states.includes('failing'))
  expect(named.states).toEqual(['up', 'failing'])

  await named.change(three)
  await named.timers.pass(1000)
  await until('all addresses were checked', () => servers.received.some(({ address }) => address === '127.0.0.3'))
  expect(named.states).toEqual(['up', 'failing', 'slow-start'])
  expect(servers.received.map(({ host }) => host)).toContain(`orders.test:${servers.port}`)
})

test('calls to a name with IPv4 and IPv6 addresses use the family with which a connection by name succeeds', async () => {
  const servers = await Addresses.start('127.0.0.1')
  const upstreams = [new URL(`http://localhost:${servers.port}`)]
  const named = await Named.start(serviceOf(servers.port, { upstreams }), ['::1', '127.0.0.1'])
  expect(named.addresses).toEqual([undefined])

  expect(await named.calls(1)).toEqual(['127.0.0.1'])
  expect(named.addresses).toEqual(['127.0.0.1'])
})

test('a name whose IPv4 addresses are all unreachable is called by name again, so that IPv6 is tried', async () => {
  const servers = await Addresses.start('127.0.0.1')
  const upstreams = [new URL(`http://localhost:${servers.port}`)]
  const named = await Named.start(serviceOf(servers.port, { upstreams }), ['::1', '127.0.0.1'])
  await named.calls(1)
  named.balancer.targets[0]!.health.failed()

  await named.change(['::1', '127.0.0.1'])
  expect(named.addresses).toEqual([undefined])
})

test('an upstream whose name has only IPv6 addresses is called at them', async () => {
  const servers = await Addresses.start('::1')
  const named = await Named.start(serviceOf(servers.port), ['::1'])

  expect(await named.calls(1)).toEqual(['::1'])
})

test('HTTP/2 calls that wait for a connection by name complete when this connection shows which address family works', async () => {
  const service = await Http2Service.start({
    onStream: ({ stream }) => stream.respond({ ':status': 204 }, { endStream: true }),
  })
  const url = new URL(service.url)
  url.hostname = 'localhost'
  const named = await Named.start(serviceOf(1, { upstreams: [url], protocol: 'h2c' }), ['::1', '127.0.0.1'])
  const calls = Array.from({ length: 3 }, () => send(named.balancer.next()))
  await Promise.all(calls.map((call) => call.over()))

  expect(calls.map(({ status }) => status)).toEqual([204, 204, 204])
  expect(named.addresses).toEqual(['127.0.0.1'])
  await until('the connection by name is closed', () => service.sessions[0]!.destroyed)
  expect((await called(named.balancer.next())).status).toBe(204)
})

test('a running HTTP/2 call completes when its address is removed from the name', async () => {
  const streams: ServerHttp2Stream[] = []
  const service = await Http2Service.start({
    onStream: ({ stream }) => {
      stream.respond({ ':status': 200 })
      stream.write('begun, ')
      streams.push(stream)
    },
  })
  const named = await Named.start(serviceOf(Number(new URL(service.url).port), { protocol: 'h2c' }), ['127.0.0.1'])
  const held = send(named.balancer.next())
  await until('the call has begun', () => held.body === 'begun, ')

  await named.change(['127.0.0.2'])
  expect(named.addresses).toEqual(['127.0.0.2'])
  streams[0]!.end('ended')
  await held.over()
  expect(held).toMatchObject({ body: 'begun, ended', events: ['head', 'data', 'end'] })
  await until('the session is closed', () => service.sessions[0]!.destroyed)
})

test('a change of the addresses of one service keeps the timers of all other health checks', async () => {
  const servers = await Addresses.start(...three)
  const named = await Named.start(serviceOf(servers.port, { health: rules }), three.slice(0, 2))
  const fixed = serviceOf(servers.port, {
    id: 'fixed',
    upstreams: [new URL(`http://127.0.0.3:${servers.port}`)],
    health: rules,
  })
  named.registry.replace([serviceOf(servers.port, { health: rules }), fixed])
  await named.timers.pass(1000)
  await until('all addresses were checked', () => servers.received.length === 3)
  await until('all next checks are planned', () => named.timers.waiting === 4)

  await named.change(three.slice(0, 1))
  // The lookup, and one check of each of the two addresses in use.
  expect(named.timers.waiting).toBe(3)
  await named.timers.pass(1000)
  expect(servers.received).toHaveLength(3)
})
