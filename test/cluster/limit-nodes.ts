import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { type NodeOptions, startNode, type TestNode } from '../kit/node.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

/** The route that goes on while Redis is away. Others are closed: on a busy machine Redis can seem to be away. */
export const onTheirOwn = 'empty'

export interface LimitCluster {
  readonly nodes: readonly TestNode[]
  readonly ports: readonly number[]
  readonly redis: Awaited<ReturnType<typeof testRedis>>
  readonly link: RedisLink
}

interface ClusterOptions {
  readonly nodes: number
  /** Each has its path, `/NAME`. */
  readonly limits: Readonly<Record<string, object>>
  /** Of the node with this number, from 0. */
  readonly env?: (i: number) => NodeOptions['env']
}

/** Nodes of a cluster around a Redis of their own, with one public route for each limit, by route. */
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
      startNode({
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

/** Each node has its connection for calls that a request may wait for. */
export async function untilConnected(link: RedisLink, nodes: number): Promise<void> {
  await until(`the connections of ${nodes} nodes to Redis`, async () => {
    // While a master is replaced, a connection can be lost again that was there.
    const clients = await link.store.call('CLIENT', 'LIST').then(String, () => '')
    // One is the test's own.
    return (clients.match(/name=gatehouse-store/g)?.length ?? 0) > nodes
  })
}
