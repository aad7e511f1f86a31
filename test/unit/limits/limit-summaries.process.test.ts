import { expect, onTestFinished, test } from 'vitest'
import type { LimitRule } from '../../../gateway/base/limit-rule.ts'
import { identityOf } from '../../../gateway/limits/identity.ts'
import { LimitService } from '../../../gateway/limits/limit-service.ts'
import { fullestWindows, LimitSummaries } from '../../../gateway/limits/limit-summaries.ts'
import { Limiter } from '../../../gateway/limits/limiter.ts'
import { PermitStore } from '../../../gateway/limits/permit-store.ts'
import { redisSettingsFor, testLink, testRedis, untilReady } from '../../kit/redis.ts'

// Each node publishes which rate limit windows are the fullest. Any node merges the summaries of all nodes.

const link = await testLink(redisSettingsFor((await testRedis()).port))
const client = link.client('receipt', 'test')
await untilReady(client)

const rule = (mode: LimitRule['mode'], name: string): LimitRule => ({
  name,
  label: `route/r/${name}`,
  key: name,
  by: ['subject'],
  mode,
  requests: 100,
  windowMs: 60_000,
  cost: 1,
  shadow: false,
  policyItem: '',
})

interface Node {
  readonly limiter: Limiter
  readonly summaries: LimitSummaries
}

/** Starts a node with these limits in its policy. */
function startNode(node: string, members: readonly string[], rules: readonly LimitRule[]): Node {
  const store = new PermitStore(link)
  const limiter = new Limiter({ store })
  const service = new LimitService(limiter, store, () => rules)
  const summaries = new LimitSummaries({
    limiter,
    service,
    node,
    client,
    keys: link.keys,
    members: async () => members,
  })
  onTestFinished(async () => {
    await summaries.close()
    await limiter.close()
  })
  return { limiter, summaries }
}

const identity = (subject: string, limit: LimitRule) => {
  const unset = { route: 'r', client: undefined, session: undefined, address: undefined, claim: () => undefined }
  return identityOf(limit.by, { ...unset, issuer: 'https://idp.test', subject })
}

async function use({ limiter }: Node, limit: LimitRule, subject: string, times: number): Promise<void> {
  for (let n = 0; n < times; n++) await limiter.take([limiter.bucket(limit, identity(subject, limit))], 'closed')
}

test.each(['exact', 'leased'] as const)(
  'windows with mode %s of two nodes are merged, the fullest first, with the counts of the cluster and the nodes that used them',
  async (mode) => {
    const limit = rule(mode, `merged-${mode}`)
    const ids = [`${mode}-1`, `${mode}-2`]
    const [one, two] = [startNode(ids[0]!, ids, [limit]), startNode(ids[1]!, ids, [limit])]
    await use(one, limit, 'light', 2)
    await use(one, limit, 'shared', 20)
    await use(two, limit, 'shared', 20)
    await use(two, limit, 'heavy', 60)
    await Promise.all([one.summaries.publish(), two.summaries.publish()])

    const { nodes, windows } = await one.summaries.read(limit.label)
    expect(nodes.map(({ node, total }) => [node, total])).toEqual([
      [ids[0], 2],
      [ids[1], 2],
    ])
    expect(windows.map(({ bucket: { subject }, nodes: users }) => [subject, users])).toEqual([
      ['heavy', [ids[1]]],
      ['shared', ids],
      ['light', [ids[0]]],
    ])
    expect(windows[0]!.used).toBeGreaterThanOrEqual(60)
    expect(windows[1]!.used).toBeGreaterThanOrEqual(40)
  },
)

test('a list of the windows of all nodes names a node without a summary, and rejects an unknown limit', async () => {
  const { summaries } = startNode('alone', ['alone', 'silent'], [])
  await summaries.publish()
  expect((await summaries.read()).nodes).toMatchObject([
    { node: 'alone', total: 0, summarized: 0 },
    { node: 'silent', atMs: undefined, total: undefined, summarized: 0 },
  ])
  await expect(summaries.read('nothing')).rejects.toMatchObject({ code: 'limit_unknown' })
})

test('a window is left out when the policy of the reading node lacks its limit, or its identity is invalid', async () => {
  const [known, foreign] = [rule('exact', 'known'), rule('exact', 'foreign')]
  const reader = startNode('reader', ['reader', 'writer'], [known])
  const windows = [
    { limit: foreign.label, identity: identity('ann', foreign), used: 0.9 },
    { limit: known.label, identity: 'no JSON', used: 0.8 },
    { limit: known.label, identity: identity('ann', known), used: 0.1 },
  ]
  await client.call('SET', link.keys.summary('limits', 'writer'), JSON.stringify({ atMs: 1, total: 3, windows }))
  const listed = (await reader.summaries.read()).windows
  expect(listed.map(({ limit, bucket }) => [limit, bucket['subject']])).toEqual([[known.label, 'ann']])
})

test('the limit summary of a node with long identities is at most 64 KiB, and has the fullest windows', async () => {
  const limit = { ...rule('exact', 'long'), by: ['subject', 'client', 'session'] as const }
  const node = startNode('long', ['long'], [limit])
  const who = { route: 'r', address: undefined, claim: () => undefined, issuer: `https://${'i'.repeat(200)}` }
  for (let n = 0; n < 300; n++) {
    const long = `${n}-${'x'.repeat(240)}`
    const bucket = node.limiter.bucket(
      limit,
      identityOf(limit.by, { ...who, subject: long, client: long, session: long }),
    )
    bucket.answered(n % 100, performance.now())
  }
  await node.summaries.publish()
  expect(Number(await client.call('STRLEN', link.keys.summary('limits', 'long')))).toBeLessThanOrEqual(64 * 1024)
  const { nodes, windows } = await node.summaries.read()
  expect(nodes[0]).toMatchObject({ total: 300, summarized: windows.length })
  expect(windows.length).toBeGreaterThan(30)
  // Subjects 0, 100 and 200 have the fullest windows: no room is left.
  const first = windows.map(({ bucket: { subject } }) => Number(String(subject).split('-')[0]) % 100)
  expect(first.filter((number) => number === 0)).toHaveLength(3)
  expect(Math.max(...first)).toBeLessThan(90)
})

test('of 100,000 windows, the 200 fullest are chosen, and a window without a recent reply of Redis counts as empty', () => {
  const limit = rule('exact', 'many')
  const limiter = new Limiter({ store: undefined })
  onTestFinished(() => limiter.close())
  const nowMs = 1_000_000
  for (let n = 0; n < 100_000; n++) {
    const bucket = limiter.bucket(limit, `["subject","${n}"]`)
    bucket.answered(n < 500 ? 0 : 1 + (n % 99), n < 300 ? nowMs - limit.windowMs - 1 : nowMs)
  }
  const { total, fullest } = fullestWindows(limiter.buckets(), nowMs)
  expect([total, fullest.length]).toEqual([100_000, 200])
  expect(new Set(fullest.map(({ used }) => used))).toEqual(new Set([1]))
  const chosen = fullest.map(({ bucket }) => Number(JSON.parse(bucket.identity)[1]))
  expect(Math.min(...chosen)).toBe(300)
  expect(Math.max(...chosen)).toBe(499)
})
