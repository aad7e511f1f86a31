import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { mostForCertain } from '../../bench/harness/sliding-log.ts'
import { exactTicks, type LimitRule, leasedTicks } from '../../gateway/base/limit-rule.ts'
import { PermitStore } from '../../gateway/limits/permit-store.ts'
import { foundEpoch, startNodes } from '../kit/node-cluster.ts'
import { redisSettingsFor, testLink, untilReady } from '../kit/redis.ts'
import { maxLagMs, testSentinel } from '../kit/redis-sentinel.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admittedOf, load, type Sample } from './limit-load.ts'
import { untilConnected } from './limit-nodes.ts'

// A Redis failover loses charges that were not replicated to the new master (docs/design/contract.md §7). Nodes admit
// at most that many requests above the limit. The test measures the lost charges and the excess.

const windowMs = 15_000
const limits = {
  exact: { requests: 100, mode: 'exact' },
  leased: { requests: 2000, mode: 'leased' },
  full: { requests: 20, mode: 'exact' },
} as const
type Name = keyof typeof limits
const names = Object.keys(limits) as Name[]

test('after a Redis Sentinel failover, nodes exceed a rate limit by at most the requests that the new master did not know about', {
  timeout: 300_000,
}, async () => {
  const redis = await testSentinel({ minReplicas: 1 })
  const { master } = redis
  const sentinels = redis.sentinels.map((host) => ({ host: '127.0.0.1', port: Number(host.split(':')[1]) }))
  const credentials = { username: undefined, password: undefined }
  const topology = { topology: 'sentinel', sentinels, master, ...credentials, minReplicasMaxLagMs: maxLagMs } as const
  const link = await testLink(redisSettingsFor(0, { place: topology }))
  await foundEpoch(link)
  const upstream = await startUpstream({ handler: (_received, response) => void response.end('ok') })
  const routes = names.map((name) => ({
    id: name,
    match: { path: `/${name}` },
    require: 'public',
    limits: [{ name, by: 'route', window: `${windowMs}ms`, ...limits[name] }],
    on_outage: { limits: name === 'full' ? 'local' : 'closed' },
  }))
  const nodes = await startNodes({
    nodes: 2,
    policy: { version: 1, services: { s: { upstreams: [upstream.url], credentials: 'none', routes } } },
    redis: {
      sentinel: { hosts: redis.sentinels, master },
      min_replicas_max_lag: `${maxLagMs}ms`,
    },
  })
  const ports = nodes.map(({ port }) => port)
  const samples: Record<Name, Sample[]> = { exact: [], leased: [], full: [] }
  const offer = async (name: Name, perSecond: number, seconds: number): Promise<void> => {
    samples[name].push(...(await load({ ports, path: `/${name}`, perSecond, seconds })))
  }

  await offer('full', 80, 0.5)
  const charging = Promise.all([offer('exact', 60, 1.5), offer('leased', 600, 1.5), offer('full', 20, 1.5)])
  await sleep(1000)
  await redis.killMaster()
  await charging
  await untilReady(link.store)
  await untilConnected(link, nodes.length)
  const store = new PermitStore(link)
  const forgotten = {} as Record<Name, number>
  for (const name of names) {
    const rule = ruleOf(name)
    const key = store.key(rule, JSON.stringify(['route', name]))
    await until(`the count of ${name} can be read from the new master`, async () => {
      const counted = await store.count(key, rule).catch(() => undefined)
      if (counted !== undefined) forgotten[name] = Math.max(0, admittedOf(samples[name]).length - counted.used)
      return counted !== undefined
    })
  }
  const over = (name: Name): number => mostForCertain(admittedOf(samples[name]), windowMs) - limits[name].requests
  // Nodes must grant permits again after the failover. How soon depends on the machine, so half of the limit suffices.
  const grantedAgain = (name: Name): boolean => over(name) > -limits[name].requests / 2
  for (let tries = 0; tries < 20 && (tries < 2 || !names.every(grantedAgain)); tries++) {
    await Promise.all([offer('exact', 60, 2), offer('leased', 600, 2), offer('full', 20, 2)])
  }

  for (const name of names) {
    if (process.env['GATEHOUSE_LIMITS_TABLE'] !== undefined)
      console.log(name, { over: over(name), forgotten: forgotten[name] })
    expect([name, over(name) <= forgotten[name]]).toEqual([name, true])
    expect([name, grantedAgain(name)]).toEqual([name, true])
  }
})

/** The limit rule as it is compiled from the policy of this test. */
function ruleOf(name: Name): LimitRule {
  const { mode, requests } = limits[name]
  const label = `route/${name}/${name}`
  const key = `${label}:${windowMs}:${mode === 'exact' ? exactTicks(requests) : leasedTicks}`
  return { ...{ name, label, key, mode, requests, windowMs }, by: ['route'], cost: 1, shadow: false, policyItem: '' }
}
