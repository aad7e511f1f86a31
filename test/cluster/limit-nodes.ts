import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { startNodeProcess } from '../kit/node.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import type { NodeOptions } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

/**
 * Name of the only route with `on_outage: local`. The other routes are closed during an outage, because Redis can seem
 * to be unavailable on a busy machine.
 */
export const onTheirOwn = 'empty'

export interface LimitCluster {
  readonly nodes: readonly NodeProcess[]
  readonly ports: readonly number[]
  readonly redis: Awaited<ReturnType<typeof testRedis>>
  readonly link: RedisLink
}

interface ClusterOptions {
  readonly nodes: number
  /** Rate limit of each route, by route name. The path of a route is `/NAME`. */
  readonly limits: Readonly<Record<string, object>>
  /** Environment variables of the node with number `i`, counted from 0. */
  readonly env?: (i: number) => NodeOptions['env']
}

/** Starts nodes with one Redis and one public route for each rate limit. Each limit has one window per route. */
export async function startLimitCluster({ nodes: count, limits, env }: ClusterOptions): Promise<LimitCluster> {
  const redis = await testRedis()
  const upstream = await startUpstream({ handler: (_received, response) => void response.end('ok') })
  const routes = Object.entries(limits).map(([name, limit]) => ({
    id: name,
    match: { path: `/${name}` },
    require: 'public',
    limits: [{ name, by: 'route', ...limit }],
    on_outage: { limits: name === onTheirOwn ? 'local' : 'closed' },
  }))
  const policy = { version: 1, services: { s: { upstreams: [upstream.url], credentials: 'none', routes } } }
  const nodes = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      startNodeProcess({
        policy,
        settings: { node: { id: `node-${i}` }, redis: { url: redis.url }, log: { access: false } },
        env: env?.(i) ?? {},
      }),
    ),
  )
  const link = await testLink(redisSettingsFor(redis.port))
  await untilConnected(link, count)
  return { nodes, ports: nodes.map(({ port }) => port), redis, link }
}

/** Waits until each node has a store connection to Redis. */
export async function untilConnected(link: RedisLink, nodes: number): Promise<void> {
  await until(`${nodes} nodes are connected to Redis`, async () => {
    // During a failover the connection of this call can be lost, even after it was established.
    const clients = await link.store.call('CLIENT', 'LIST').then(String, () => '')
    // The test itself has one more connection with this name.
    return (clients.match(/name=gatehouse-store/g)?.length ?? 0) > nodes
  })
}
