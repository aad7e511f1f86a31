import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { RedisSettings } from '../../gateway/base/redis-topology.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNodeProcess } from '../kit/node.ts'
import { maxStalenessMs } from '../kit/node-cluster.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { type ChangePhase, PhasedStore } from '../kit/phased-store.ts'
import { PolicyFolder, policyEditor } from '../kit/policy-editor.ts'
import { redisSettingsFor } from '../kit/redis.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { maxLagMs, testSentinel } from '../kit/redis-sentinel.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { type ChangeOutcome, RevisionLoad } from './revision-load.ts'

// Four nodes enforce the policy of the cluster under load, while the policy is changed 60 times. In each phase of a
// change, a node is killed and another one is paused. Redis fails over twice. The load client knows which revisions a
// node may use, and counts every decision by another one.
//
//   npm run chaos -- policy                          50 changes and 10 rollbacks, 2 to 4 minutes
//   CHAOS_CHANGES=12 npm run chaos -- policy         every sixth change is a rollback

const CHANGES = Number(process.env['CHAOS_CHANGES'] ?? 60)
const PER_SECOND = Number(process.env['CHAOS_RATE'] ?? 1000)
const NODES = ['n1', 'n2', 'n3', 'n4'] as const
const LIMIT_MS = 240_000
/** Time for which a node is paused after the change, ms: longer than the node serves protected routes without Redis. */
const PAUSE_MS = maxStalenessMs + 1000

const redis = await testSentinel({ minReplicas: 1 })
const issuer = await startIssuer()
const upstream = await startUpstream({ handler: (_received, response) => void response.end('ok') })
const token = issuer.sign({ claims: { scope: 'read' } })
const sentinels = redis.sentinels.map((host) => ({ host: '127.0.0.1', port: Number(host.split(':')[1]) }))
const place: RedisSettings = redisSettingsFor(0, {
  place: {
    topology: 'sentinel',
    sentinels,
    master: redis.master,
    username: undefined,
    password: undefined,
    minReplicasMaxLagMs: maxLagMs,
  },
})
const folder = new PolicyFolder('redis://127.0.0.1:1')

/** Content `number` of the policy: only the path of this number exists, besides the paths that always exist. */
function contentOf(number: number): object {
  const require = { scopes: { all: ['read'] } }
  return {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      pages: {
        upstreams: [upstream.url],
        credentials: 'none',
        max_calls: 10_000,
        routes: [
          { id: 'open', match: { path: '/open/**' }, require: 'public' },
          { id: 'always', match: { path: '/always/**' }, require },
          { id: 'marker', match: { path: `/c${number}/**` }, require },
        ],
      },
    },
  }
}

function start(id: string): Promise<NodeProcess> {
  const { settings, ...options } = folder.options(id, contentOf(1))
  return startNodeProcess({
    ...options,
    settings: {
      ...settings,
      redis: {
        sentinel: { hosts: redis.sentinels, master: redis.master },
        min_replicas_max_lag: `${maxLagMs}ms`,
      },
      revocation: { max_staleness: `${maxStalenessMs}ms` },
    },
  })
}

test('while nodes and Redis fail during policy changes, no node decides by an older revision than the node has acknowledged', async () => {
  const nodes = new Map(await Promise.all(NODES.map(async (id) => [id as string, await start(id)] as const)))
  const editor = await policyEditor(place, folder, (client, keys) => new PhasedStore(client, keys))
  const store = editor.store as PhasedStore
  const load = new RevisionLoad({ token, perSecond: PER_SECOND, connectionsPerNode: 12 })
  for (const [id, { port }] of nodes) load.serve(id, port)
  const outcomes = new Map<string, number>()
  const count = (name: string): void => void outcomes.set(name, (outcomes.get(name) ?? 0) + 1)
  const repairs: Promise<void>[] = []

  const kill = (id: string): void => {
    count('nodes killed')
    load.withdraw(id)
    const node = nodes.get(id)!
    node.signal('SIGKILL')
    repairs.push(
      node.ended().then(async () => {
        const fresh = await start(id)
        nodes.set(id, fresh)
        load.serve(id, fresh.port)
      }),
    )
  }
  const pause = (id: string): void => {
    count('nodes paused')
    load.pause(id)
    nodes.get(id)!.signal('SIGSTOP')
    repairs.push(
      sleep(PAUSE_MS).then(() => {
        nodes.get(id)!.signal('SIGCONT')
        load.resume(id)
      }),
    )
  }
  const phases: ChangePhase[] = ['before-votes', 'before-activation', 'after-activation']
  /** Faults by the change in which they happen. */
  const faults = new Map<number, () => void>()
  for (const [i, phase] of phases.entries()) {
    faults.set(Math.round(CHANGES * (0.1 + 0.3 * i)), () => store.at.set(phase, () => kill(NODES[i]!)))
    faults.set(Math.round(CHANGES * (0.2 + 0.3 * i)), () => store.at.set(phase, () => pause(NODES[i + 1]!)))
  }
  faults.set(Math.round(CHANGES * 0.25), () => repairs.push(redis.killMaster().then(() => count('failovers'))))
  faults.set(Math.round(CHANGES * 0.6), () =>
    repairs.push(redisCli(sentinels[0]!.port, 'sentinel', 'failover', 'main').then(() => count('failovers'))),
  )

  const startedAt = performance.now()
  /** Content of each revision. */
  const contents = new Map([[1, 1]])
  const change = async (content: number, to?: number): Promise<ChangeOutcome> => {
    const { sequence, number } = editor.service.active.activation
    const refused = load.attempt(sequence + 1, content)
    contents.set(number + 1, content)
    const order = { author: 'chaos', message: `content ${content}`, waitMs: 4000, against: undefined }
    try {
      const done = await (to === undefined
        ? editor.apply(contentOf(content), order)
        : editor.service.rollback(to, order))
      if (done?.outcome === 'activated') load.activated(done.receipt, content)
      else refused()
      return done?.outcome ?? 'missing'
    } catch (error) {
      console.log(String(error))
      return 'fault'
    }
  }
  let [applies, rollbacks] = [0, 0]
  for (let n = 1, content = 2; n <= CHANGES; n++) {
    faults.get(n)?.()
    const isRollback = n % 6 === 0
    for (;;) {
      if (performance.now() - startedAt > LIMIT_MS)
        throw new Error(`change ${n} of ${CHANGES} not within ${LIMIT_MS} ms`)
      await editor.policy.check().catch(() => undefined)
      const { number } = editor.service.active.activation
      const to = isRollback ? number - 1 : undefined
      const wanted = to === undefined ? content++ : contents.get(to)!
      const outcome = await change(wanted, to)
      count(outcome)
      if (outcome !== 'activated') console.log(`change ${n}: ${outcome}`)
      if (outcome === 'activated') break
      await sleep(200)
    }
    if (isRollback) rollbacks++
    else applies++
    await sleep(300)
  }
  await Promise.all(repairs)
  await until('all nodes enforce the last revision', () => load.isSettled)
  await sleep(500)
  const seconds = (performance.now() - startedAt) / 1000
  const result = await load.stop()
  const readings = await Promise.all([...nodes.values()].map(({ adminPort }) => readMetrics(adminPort)))
  // Without those of nodes that were killed.
  const reasons = ['revocation-stale', 'store-unavailable', 'audit-unavailable', 'upstream-full', 'node-fault'].map(
    (reason) => [reason, readings.reduce((sum, each) => sum + each.sum('gatehouse_requests_total', { reason }), 0)],
  )
  console.table({ applies, rollbacks, ...Object.fromEntries(outcomes), seconds: Math.round(seconds) })
  console.table({ ...result.counts, 'requests/s': Math.round(result.requests / seconds) })
  console.table(result.unavailable)
  console.table(Object.fromEntries(reasons))
  for (const line of result.examples) console.log(line)
  expect({ applies, rollbacks }).toEqual({
    applies: CHANGES - Math.floor(CHANGES / 6),
    rollbacks: Math.floor(CHANGES / 6),
  })
  expect(result.counts['wrong decisions']).toBe(0)
  expect(result.counts['failed requests']).toBe(0)
})
