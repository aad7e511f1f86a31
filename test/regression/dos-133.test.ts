import { expect, test } from 'vitest'
import { residentMiB } from '../integration/data-plane-node.ts'
import { startIssuer, type TestIssuer, testAudience } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNodeProcess } from '../kit/node.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { swap } from '../kit/swap.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// S-133: clients disconnect while their exchange waits for issuer keys or for a service. The gate forwards nothing for
// them later, cancels their upstream calls, writes one log record for each exchange, and leaks no memory.

const gone = 1000
const together = 250
const issuer = await startIssuer()
const upstream = await startUpstream({
  handler: (received, response) => {
    if (received.url.includes('good')) response.end('good')
  },
})
const policyOf = ({ url }: TestIssuer) => ({
  version: 1,
  issuers: { main: { issuer: url, audience: [testAudience] } },
  services: {
    s: {
      upstreams: [upstream.url],
      routes: [{ id: 's', match: { path: '/s/**' }, require: { scopes: { all: ['orders:read'] } } }],
    },
  },
})
const node = await startNodeProcess({ policy: policyOf(issuer) })

const recordsOf = (path: string) => node.accessLog().filter((record) => record['path'] === path)

/** Lets `gone` clients send a request, `together` at a time, and disconnect when `waiting` resolves. */
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

interface Fetching {
  readonly path: string
  readonly issuer: TestIssuer
  /** Lets the issuer reply with its keys. */
  readonly answer: () => void
}

/** Lets `gone` clients wait for the keys of an issuer that does not reply, and disconnect. */
async function leaveWhileKeysAreFetched(round = 1): Promise<Fetching> {
  const [path, slow, released] = [`/s/keys-${round}`, await startIssuer(), Promise.withResolvers<void>()]
  slow.answer('keys', { held: released.promise })
  const requests = Array.from({ length: gone }, () => requestBytes({ target: path, token: slow.sign() }))
  const wires = await Promise.all(requests.map(() => connect(node.port)))
  const seen = node.log.length
  const failed = () => node.log.slice(seen).some(({ msg }) => msg === 'issuer keys cannot be fetched')
  await swap(node, policyOf(slow))
  for (const [n, wire] of wires.entries()) await wire.send(requests[n]!)
  await until('all clients wait for the keys, or the fetch failed', async () => {
    return failed() || (await readMetrics(node.adminPort)).sum('gatehouse_in_flight') === gone
  })
  for (const wire of wires) wire.reset()
  await expect.poll(() => recordsOf(path).length).toBe(gone)
  // The gate gives up a key fetch after 5 seconds. If the machine was so slow that the fetch failed before the clients
  // disconnected, start again with another issuer.
  if (failed() && round < 5) return leaveWhileKeysAreFetched(round + 1)
  return { path, issuer: slow, answer: released.resolve }
}

test(`S-133 when ${gone} clients disconnect while the gate fetches issuer keys, the gate forwards none of their requests`, async () => {
  const { path, issuer: slow, answer } = await leaveWhileKeysAreFetched()
  await expect.poll(() => slow.fetches.keys).toBe(1)
  expect(recordsOf(path).every(({ reason }) => reason === 'client-gone')).toBe(true)

  answer()
  const reply = await request(node.port, requestBytes({ target: '/s/good', token: slow.sign() }))
  expect(reply.text).toBe('good')
  expect(upstream.requests.map(({ url }) => url)).toEqual(['/s/good'])
  expect(recordsOf(path)).toHaveLength(gone)
})
test(`S-133 when ${gone} clients disconnect while the service is silent, the gate cancels each upstream call`, async () => {
  await swap(node, policyOf(issuer))
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

test('S-133 after many clients disconnected at once, a node has no exchange in progress, and its stop interrupts none', async () => {
  expect(await node.stop()).toBe(0)
  expect(node.log.find(({ msg }) => msg === 'node stops and waits for running exchanges')).toMatchObject({
    in_flight: 0,
  })
  expect(node.log.find(({ msg }) => msg === 'node stopped')).toMatchObject({ cut_off: 0 })
})
