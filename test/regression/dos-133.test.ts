import { expect, test } from 'vitest'
import { residentMiB } from '../integration/data-plane-node.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// SECURITY.md, group J, S-133: clients that go away while their exchange waits, for keys or for a service. Nothing is
// sent for them later, their calls are cancelled, each leaves one record, and nothing else stays behind.

const gone = 1000
const together = 250
const issuer = await startIssuer()
const upstream = await startUpstream({
  handler: (received, response) => {
    if (received.url.includes('good')) response.end('good')
  },
})
// The first fetch of its keys takes its time, and all requests until then wait for it.
issuer.answer('keys', { delayMs: 4000 })
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      s: {
        upstreams: [upstream.url],
        routes: [{ id: 's', match: { path: '/s/**' }, require: { scopes: { all: ['orders:read'] } } }],
      },
    },
  },
})

const recordsOf = (path: string) => node.accessLog().filter((record) => record['path'] === path)

/** So many clients, a few hundred at a time, that ask and are gone once they are known to wait. */
async function comeAndGo(
  target: string,
  token: () => string,
  waiting: (asked: number) => Promise<void>,
): Promise<void> {
  for (let asked = together; asked <= gone; asked += together) {
    const wires = await Promise.all(Array.from({ length: together }, () => connect(node.port)))
    for (const wire of wires) await wire.send(requestBytes({ target, token: token() }))
    await waiting(asked)
    for (const wire of wires) wire.reset()
    await expect.poll(() => recordsOf(target).length).toBe(asked)
  }
}

test(`S-133 ${gone} clients leave while keys are fetched: no service hears of them`, async () => {
  const wires = await Promise.all(Array.from({ length: gone }, () => connect(node.port)))
  for (const wire of wires) await wire.send(requestBytes({ target: '/s/keys', token: issuer.sign() }))
  await expect.poll(() => issuer.fetches.keys).toBe(1)
  expect(node.log.some(({ msg }) => msg === 'issuer keys read')).toBe(false)
  for (const wire of wires) wire.reset()

  await expect.poll(() => recordsOf('/s/keys').length).toBe(gone)
  expect(recordsOf('/s/keys').every(({ reason }) => reason === 'client-gone')).toBe(true)
  issuer.answer('keys')
  const reply = await request(node.port, requestBytes({ target: '/s/good', token: issuer.sign() }))
  expect(reply.text).toBe('good')
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/s/good'])
  expect(recordsOf('/s/keys')).toHaveLength(gone)
})

test(`S-133 ${gone} clients leave while their service is silent: each call is cancelled`, async () => {
  const token = issuer.sign()
  const calls = () => upstream.requests.filter(({ url }) => url === '/s/silent')
  const before = residentMiB(node)
  await comeAndGo(
    '/s/silent',
    () => token,
    (asked) => expect.poll(() => calls().length).toBe(asked),
  )

  await expect.poll(() => calls().filter(({ aborted }) => aborted).length).toBe(gone)
  const records = recordsOf('/s/silent')
  expect(records.every(({ reason, status }) => reason === 'client-gone' && status === 499)).toBe(true)
  expect(new Set(records.map(({ id }) => id)).size).toBe(gone)
  expect(residentMiB(node) - before).toBeLessThan(120)
})

test('S-133 after them nothing is in flight, and a stop has nothing to cut off', async () => {
  expect(await node.stop()).toBe(0)
  expect(node.log.find(({ msg }) => msg === 'draining')).toMatchObject({ in_flight: 0 })
  expect(node.log.find(({ msg }) => msg === 'stopped')).toMatchObject({ cut_off: 0 })
})
