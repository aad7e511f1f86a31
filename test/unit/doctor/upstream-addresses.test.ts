import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { upstreamHealth } from '../../../gateway/doctor/checks/upstream-health.ts'
import { upstreams } from '../../../gateway/doctor/checks/upstreams.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { startNameServer } from '../../kit/name-server.ts'
import { freePort } from '../../kit/ports.ts'
import { findingsOf } from './findings-of.ts'

// `gatehouse doctor` checks each address of the name of an upstream, which it asks the name servers of the settings for.

const port = freePort()
for (const address of ['127.0.0.1', '127.0.0.2']) {
  const server = createServer((_, response) => response.end(address)).listen(port, address)
  await once(server, 'listening')
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
}
const names = await startNameServer()
const url = `http://orders.test:${port}`

async function findingsWith(addresses: readonly string[]) {
  names.addresses = addresses
  const findings = await findingsOf({
    checks: [upstreams, upstreamHealth],
    settings: { upstream_dns: { servers: [`127.0.0.1:${names.port}`] } },
    policy: {
      version: 1,
      services: {
        s: {
          upstreams: [url],
          health: { path: '/' },
          routes: [{ id: 's', match: { path: '/**' }, require: 'public' }],
        },
      },
    },
  })
  return findings.map(({ check, subject, result, detail }) => ({ check, subject, result, detail }))
}

const subject = `s ${url}`

test('`gatehouse doctor` reports an upstream as ok when all addresses of its name are', async () => {
  expect(await findingsWith(['127.0.0.1', '127.0.0.2'])).toEqual([
    { check: 'upstream', subject, result: 'ok', detail: 'each of 2 addresses accepts connections' },
    {
      check: 'upstream-health',
      subject,
      result: 'ok',
      detail: 'each of 2 addresses passes its health check: status 200',
    },
  ])
})

test('`gatehouse doctor` reports an upstream as failed when one address of its name is, and names the address', async () => {
  const refused = `127.0.0.3: connect ECONNREFUSED 127.0.0.3:${port}`
  expect(await findingsWith(['127.0.0.1', '127.0.0.3'])).toEqual([
    { check: 'upstream', subject, result: 'failed', detail: `1 of 2 addresses: ${refused}` },
    {
      check: 'upstream-health',
      subject,
      result: 'failed',
      detail: expect.stringContaining('1 of 2 addresses: 127.0.0.3'),
    },
  ])
})

test('S-121: `gatehouse doctor` connects to no address of a name that also has a cloud metadata address', async () => {
  for (const { result, detail } of await findingsWith(['127.0.0.1', '169.254.169.254'])) {
    expect(result).toBe('failed')
    expect(detail).toContain('orders.test resolves to 169.254.169.254')
  }
})
