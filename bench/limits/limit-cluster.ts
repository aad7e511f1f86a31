import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchNode } from '../harness/node.ts'
import type { BenchRedis, RedisUse } from '../harness/redis.ts'
import type { Site } from '../harness/site.ts'
import type { AdmissionService } from './admissions.ts'

/**
 * Row of the result table: one rate limit under one load. Each row has its own route, so its limit has its own window.
 */
export interface LimitRow {
  /** Id of the row's route, and first segment of its path. */
  readonly name: string
  readonly mode: 'exact' | 'leased'
  readonly requests: number
  readonly windowS: number
  /**
   * Share of the load that goes to the first node only; the remaining load is distributed evenly over all nodes. 0:
   * even load.
   */
  readonly lopsided: number
}

/** Nodes of the gate that share one Redis server. */
export interface LimitCluster {
  readonly nodes: readonly BenchNode[]
  readonly redis: BenchRedis
  readonly service: AdmissionService
  /** Redis commands and CPU time per second of the cluster without requests. */
  readonly idle: RedisUse
}

type Started = Omit<LimitCluster, 'idle'>

/** Wait until newly started nodes make their periodic Redis calls at an even rate, ms. */
const SETTLE_MS = 3000
const IDLE_S = 6

/** Starts a cluster whose policy has one public route for each row. */
export async function startLimitCluster(
  site: Site,
  service: AdmissionService,
  count: number,
  rows: readonly LimitRow[],
): Promise<Started> {
  const routes = rows.map(({ name, mode, requests, windowS }) => ({
    id: name,
    match: { path: `/${name}/**` },
    require: 'public',
    limits: [{ name: 'all', by: 'route', requests, window: `${windowS}s`, mode }],
  }))
  const upstreams = [`http://127.0.0.1:${service.port}`]
  const policy = { version: 1, services: { counted: { upstreams, credentials: 'none', routes } } }
  const redis = await site.redis()
  const nodes = await site.nodes(count, { policy, redis: redis.url, settings: { log: { access: false } } })
  return { nodes, redis, service }
}

export async function measureIdle(cluster: Started): Promise<LimitCluster> {
  await sleep(SETTLE_MS)
  const { use } = await cluster.redis.during(() => sleep(IDLE_S * 1000))
  const idle = { calls: use.calls / IDLE_S, commands: use.commands / IDLE_S, cpuUs: use.cpuUs / IDLE_S }
  return { ...cluster, idle }
}
