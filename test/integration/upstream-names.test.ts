import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNameServer } from '../kit/name-server.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { runVerb } from '../kit/run-verb.ts'
import { until } from '../kit/until.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/guide/upstreams.md: each address of a name is a member of its service, and follows DNS without a failed request.

/** Addresses that received requests since the last look. */
const called = new Set<string>()

async function serve(address: string, port: number): Promise<number> {
  const server = createServer((_, response) => {
    called.add(address)
    response.end(address)
  })
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  server.listen(port, address)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const port = await serve('127.0.0.1', freePort())
for (const address of ['127.0.0.2', '127.0.0.3']) await serve(address, port)
const names = await startNameServer()
names.addresses = ['127.0.0.1', '127.0.0.2']
const url = `http://orders.test:${port}`
const bootstrap = 'bootstrap-token-of-the-names-tests-0001'
const node = await startNode({
  policy: publicPolicy({ s: { upstreams: [url], entry: { slow_start: 'none' } } }),
  settings: {
    upstream_dns: { servers: [`127.0.0.1:${names.port}`] },
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
  },
  env: { BOOTSTRAP: bootstrap },
})

const fields = [['Authorization', 'Bearer x']] as const
const status = async () => (await request(node.port, requestBytes({ target: '/s/1', fields: [...fields] }))).status

/** Sends requests until `holds`. @returns the statuses */
async function requestsUntil(what: string, holds: () => boolean | Promise<boolean>): Promise<Set<number>> {
  const statuses = new Set<number>()
  await until(what, async () => {
    for (let n = 0; n < 10; n++) statuses.add(await status())
    return holds()
  })
  return statuses
}

const run = (...words: string[]) =>
  runVerb(words, { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap })

const hasAddresses = async (...addresses: string[]): Promise<boolean> => {
  const { stdout } = await run('upstreams', '--output', 'json')
  const { upstreams } = JSON.parse(stdout) as { upstreams: { address: string | null }[] }
  return String(upstreams.map(({ address }) => address).toSorted()) === String(addresses)
}

test('requests are sent to added addresses of an upstream name, and no longer to removed ones, and no request fails', async () => {
  const statuses = await requestsUntil('both addresses are called', () => called.size === 2)
  expect(await hasAddresses('127.0.0.1', '127.0.0.2')).toBe(true)

  for (const addresses of [['127.0.0.2', '127.0.0.3'], ['127.0.0.1'], ['127.0.0.1', '127.0.0.2', '127.0.0.3']]) {
    names.addresses = addresses
    const during = await requestsUntil(`the addresses are ${addresses}`, () => hasAddresses(...addresses))
    called.clear()
    const after = await requestsUntil('each address is called', () => called.size === addresses.length)
    for (const each of [...during, ...after]) statuses.add(each)
    expect([...called].toSorted()).toEqual(addresses)
  }
  expect(statuses).toEqual(new Set([200]))
})

test('the metrics have one series for an upstream name, whatever the number of its addresses', async () => {
  names.addresses = ['127.0.0.1', '127.0.0.2']
  await requestsUntil('the addresses have changed', () => hasAddresses('127.0.0.1', '127.0.0.2'))
  const metrics = await readMetrics(node.adminPort)

  expect(metrics.sum('gatehouse_upstream_state', { service: 's', upstream: url, state: 'up' })).toBe(2)
  expect(metrics.sum('gatehouse_upstream_call_limit', { service: 's', upstream: url })).toBe(2 * 4096)
  expect(metrics.sum('gatehouse_upstream_lookups_total', { name: 'orders.test', result: 'resolved' })).toBeGreaterThan(
    1,
  )
})

test('the access log line of a request has the address of the upstream name that was called', async () => {
  names.addresses = ['127.0.0.3']
  await requestsUntil('the address has changed', () => hasAddresses('127.0.0.3'))
  await status()

  await node.waitForLine(({ upstream, upstream_address: called }) => upstream === url && called === '127.0.0.3')
})

test('`gatehouse upstreams` lists each address of an upstream name', async () => {
  names.addresses = ['127.0.0.1', '127.0.0.2']
  await requestsUntil('the addresses have changed', () => hasAddresses('127.0.0.1', '127.0.0.2'))
  const { stdout } = await run('upstreams')

  expect(stdout).toMatch(/^SERVICE +UPSTREAM +ADDRESS +WEIGHT/)
  for (const address of names.addresses) expect(stdout).toMatch(new RegExp(`s +${url} +${address} +1 +up`))
})

test('S-121: a DNS reply with a cloud metadata address changes no address of an upstream, and is logged and counted', async () => {
  names.addresses = ['169.254.169.254']
  const line = await node.waitForLine(({ msg }) => msg === 'lookup of an upstream name failed')

  expect(line).toMatchObject({ name: 'orders.test', error: expect.stringContaining('169.254.169.254'), addresses: 2 })
  expect(await hasAddresses('127.0.0.1', '127.0.0.2')).toBe(true)
  expect(await status()).toBe(200)
  const metrics = await readMetrics(node.adminPort)
  expect(metrics.sum('gatehouse_upstream_lookups_total', { name: 'orders.test', result: 'refused' })).toBeGreaterThan(0)
})

test('`gatehouse upstreams` shows an upstream as unresolved while its name does not exist', async () => {
  const missing = await startNameServer()
  missing.mode = 'has no name'
  const other = await startNode({
    policy: publicPolicy({ s: { upstreams: ['http://missing.test:9000'] } }),
    settings: {
      upstream_dns: { servers: [`127.0.0.1:${missing.port}`] },
      admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
    },
    env: { BOOTSTRAP: bootstrap },
  })
  await other.waitForLine(({ msg }) => msg === 'lookup of an upstream name failed')
  const { stdout } = await runVerb(['upstreams'], {
    GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${other.adminPort}`,
    GATEHOUSE_ADMIN_TOKEN: bootstrap,
  })

  expect(stdout).toMatch(/http:\/\/missing\.test:9000 +- +1 +unresolved/)
})
