import { expect, onTestFinished, test } from 'vitest'
import type { ListedStream } from '../../../gateway/streams/stream-registry.ts'
import { StreamSummaries } from '../../../gateway/streams/stream-summaries.ts'
import { redisSettingsFor, testLink, testRedis, untilReady } from '../../kit/redis.ts'

// Each node publishes a bounded summary of its streams. Another node reads the summaries, also those of other versions.

const link = await testLink(redisSettingsFor((await testRedis()).port))
const client = link.client('receipt', 'test')
await untilReady(client)

function streamOf(n: number, subject: string): ListedStream {
  const counts = { messagesIn: 1, messagesOut: 2, bytesIn: 3, bytesOut: 4 }
  const owner = { issuer: 'https://idp.test', subject, session: undefined }
  return {
    id: `s${n}`,
    kind: 'websocket',
    route: 'live',
    ...owner,
    address: '192.0.2.7',
    startedMs: n,
    ...counts,
    held: false,
  }
}

/** Summaries of a node that has these streams. */
function summariesOf(
  node: string,
  streams: readonly ListedStream[],
  members: readonly string[] = [node],
): StreamSummaries {
  const list = async (_: object, most = 1000) => ({
    total: streams.length,
    selected: streams.length,
    streams: streams.slice(0, most),
  })
  const summaries = new StreamSummaries({
    node,
    registry: { list },
    client,
    keys: link.keys,
    members: async () => members,
  })
  onTestFinished(() => summaries.close())
  return summaries
}

test('the stream summary of a node has at most 200 streams, and the number of all streams', async () => {
  const summaries = summariesOf(
    'many',
    Array.from({ length: 300 }, (_, n) => streamOf(n, 'ann')),
  )
  await summaries.publish()
  const [read] = await summaries.read({ subject: 'ann' })
  expect(read).toMatchObject({ node: 'many', total: 300, summarized: 200 })
  expect(read!.streams[0]).toEqual({ ...streamOf(0, 'ann') })
})

test('the stream summary of a node with long subjects is at most 64 KiB', async () => {
  const summaries = summariesOf(
    'long',
    Array.from({ length: 200 }, (_, n) => streamOf(n, 'x'.repeat(4000))),
  )
  await summaries.publish()
  expect(Number(await client.call('STRLEN', link.keys.summary('streams', 'long')))).toBeLessThanOrEqual(64 * 1024)
  const { total, summarized } = (await summaries.read({}))[0]!
  expect(total).toBe(200)
  expect(summarized).toBeGreaterThan(10)
  expect(summarized).toBeLessThan(20)
})

test('a filter of streams by subject and issuer selects the streams that match both', async () => {
  const summaries = summariesOf('both', [streamOf(1, 'ann'), streamOf(2, 'bob')])
  await summaries.publish()
  const found = async (selector: object) => (await summaries.read(selector))[0]!.streams.map(({ id }) => id)
  expect(await found({ subject: 'ann', issuer: 'https://idp.test' })).toEqual(['s1'])
  expect(await found({ subject: 'ann', issuer: 'https://other.test' })).toEqual([])
  expect(await found({ route: 'live' })).toEqual(['s1', 's2'])
})

test.each([
  ['is missing', undefined],
  ['is no JSON', '{'],
  ['lacks a member', '{"atMs":1,"streams":[]}'],
  ['has a stream of a kind that this version does not know', '{"atMs":1,"total":1,"streams":[{"kind":"tunnel"}]}'],
])('a node is listed without streams when its stream summary %s', async (_, stored) => {
  await client.call('DEL', link.keys.summary('streams', 'other'))
  if (stored !== undefined) await client.call('SET', link.keys.summary('streams', 'other'), stored)
  const summaries = summariesOf('self', [streamOf(1, 'ann')], ['self', 'other'])
  await summaries.publish()
  expect(await summaries.read({})).toMatchObject([
    { node: 'other', atMs: undefined, total: undefined, summarized: 0, streams: [] },
    { node: 'self', total: 1, summarized: 1 },
  ])
})
