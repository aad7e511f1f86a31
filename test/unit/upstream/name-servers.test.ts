import { expect, test } from 'vitest'
import { nameResolver } from '../../../gateway/upstream/names/name-resolver.ts'
import { TargetRegistry } from '../../../gateway/upstream/target-registry.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { ManualTimers } from '../../kit/manual-timers.ts'
import { startNameServer, type TestNameServer } from '../../kit/name-server.ts'
import { freePort } from '../../kit/ports.ts'
import { until } from '../../kit/until.ts'
import { startUpstream } from '../../kit/upstream.ts'
import { called } from './call-log.ts'

// Names that the gate asks name servers for (`upstream_dns.servers`): a real DNS server, and a clock that the test moves.

const resolverOf = ({ port }: TestNameServer) => nameResolver([`127.0.0.1:${port}`])

test('a DNS lookup returns IPv4 and IPv6 addresses, which are valid for the TTL', async () => {
  const server = await startNameServer()
  server.addresses = ['127.0.0.1', '::1', '127.0.0.2', 'fd00::a:1']
  server.ttlS = 300

  expect(await resolverOf(server).resolve('orders.test')).toEqual({
    addresses: ['127.0.0.1', '127.0.0.2', '::1', 'fd00::a:1'],
    validMs: 300_000,
  })
})

test.each([
  [0, 1000],
  [86_400, 3_600_000],
])('addresses with a DNS TTL of %i s are used for %i ms', async (ttlS, validMs) => {
  const server = await startNameServer()
  server.addresses = ['127.0.0.1']
  server.ttlS = ttlS

  expect((await resolverOf(server).resolve('orders.test')).validMs).toBe(validMs)
})

test('a name without a dot is looked up by the operating system', async () => {
  const server = await startNameServer()
  server.addresses = ['127.0.0.9']

  expect((await resolverOf(server).resolve('localhost')).addresses).not.toContain('127.0.0.9')
  expect(server.queries).toBe(0)
})

test('the next name server is asked when one does not reply', async () => {
  const server = await startNameServer()
  server.addresses = ['127.0.0.1']
  const resolver = nameResolver([`127.0.0.1:${freePort()}`, `127.0.0.1:${server.port}`])

  expect((await resolver.resolve('orders.test')).addresses).toEqual(['127.0.0.1'])
})

test('if the IPv6 query for a name fails, the lookup returns its IPv4 addresses, or fails when the name has none', async () => {
  const server = await startNameServer()
  server.addresses = ['127.0.0.1']
  server.ipv6Mode = 'fails'
  const resolver = resolverOf(server)
  expect((await resolver.resolve('orders.test')).addresses).toEqual(['127.0.0.1'])

  server.addresses = []
  await expect(resolver.resolve('orders.test')).rejects.toMatchObject({ code: 'ESERVFAIL' })
})

/** Upstreams of a service with one name. */
async function named(server: TestNameServer, port = 1) {
  const timers = new ManualTimers()
  const lines: unknown[] = []
  const registry = new TargetRegistry({
    timers,
    resolver: resolverOf(server),
    log: (_, message, fields) => lines.push({ message, ...fields }),
  })
  const upstreams = [new URL(`http://orders.test:${port}`)]
  const [balancer] = registry.replace([{ id: 'orders', upstreams, maxCalls: 8, timeouts: { connectMs: 5000 } }])
  atEnd(() => registry.close())
  const lookups = () => [...registry.names.all].reduce((sum, { counts }) => sum + total(counts), 0)
  const addresses = () => balancer!.targets.map(({ peer }) => peer)
  return { timers, registry, balancer: balancer!, addresses, lines, lookups }
}

const total = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((sum, count) => sum + count, 0)

/** Moves the clock, and waits for the lookups that are due. @param due  their number */
async function pass(of: Awaited<ReturnType<typeof named>>, ms: number, due: number): Promise<void> {
  const before = of.lookups()
  await of.timers.pass(ms)
  await until('the lookups have ended', () => of.lookups() >= before + due)
  await of.timers.pass(0)
}

test('a name is looked up again when its TTL expires, up to 20 % later, and not before', async () => {
  const server = await startNameServer()
  server.addresses = ['127.0.0.1']
  server.ttlS = 100
  const orders = await named(server)
  orders.registry.watch()
  await pass(orders, 0, 1)
  expect(orders.addresses()).toEqual(['127.0.0.1'])

  server.addresses = ['127.0.0.2', '::1']
  server.ttlS = 1
  await pass(orders, 99_999, 0)
  expect(server.queries).toBe(1)
  await pass(orders, 20_001, 1)
  expect(server.queries).toBe(2)

  await pass(orders, 1200, 1)
  expect(server.queries).toBe(3)
})

test.each([
  ['fails', 'failed'],
  ['has no name', 'missing'],
] as const)('the result of a lookup is counted when the name server %s', async (mode, result) => {
  const server = await startNameServer()
  server.addresses = ['127.0.0.1']
  const orders = await named(server)
  orders.registry.watch()
  await pass(orders, 0, 1)
  server.mode = mode
  await pass(orders, 1200, 1)

  const [known] = [...orders.registry.names.all]
  expect(known!.counts).toMatchObject({ resolved: 1, [result]: 1 })
  expect(orders.addresses()).toEqual(['127.0.0.1'])
  expect(orders.lines).toMatchObject([
    { message: 'lookup of an upstream name failed', name: 'orders.test', addresses: 1 },
  ])
})

test('before the first lookup, a connection by name asks the name servers', async () => {
  const server = await startNameServer()
  const upstream = await startUpstream()
  server.addresses = ['127.0.0.1']
  const orders = await named(server, upstream.port)

  expect(await called(orders.balancer.next(), { fields: [] })).toMatchObject({ status: 200 })
  expect(orders.addresses()).toEqual([undefined])
})

test('before the first lookup, a connection by name is refused when the DNS reply has a cloud metadata address', async () => {
  const server = await startNameServer()
  server.addresses = ['127.0.0.1', '169.254.169.254']
  const orders = await named(server)

  expect((await called(orders.balancer.next())).fault).toMatchObject({
    reason: 'upstream-unreachable',
    message: expect.stringContaining('169.254.169.254'),
  })
})
