import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import { drainOutcome, namedUpstreams, upstreamSelector } from '../upstream-shape.ts'

export const undrainUpstream = operation({
  id: 'undrain_upstream',
  method: 'POST',
  path: '/api/v1/upstreams/undrain',
  summary: 'End the drain of an upstream on every node',
  description: 'The upstream gets calls again, with the slow start of its service.',
  scope: 'gatehouse:admin',
  body: z.strictObject(upstreamSelector),
  replies: {
    200: { description: 'The upstream is not drained.', schema: z.strictObject(drainOutcome) },
  },
  problems: ['upstream_unknown', 'drains_full', 'cluster_unavailable', 'unavailable'],
  example: {
    body: { upstream: 'http://orders-1:8080' },
    reply: {
      upstreams: [{ service: 'orders', upstream: 'http://orders-1:8080' }],
      acknowledged: ['node-a', 'node-b'],
      missing: [],
    },
  },
  run: async ({ body, dependencies }) => {
    const { drains } = requireRedis(dependencies)
    const named = namedUpstreams(body, dependencies.node)
    const drained = new Set(drains.list().map(({ service, origin }) => `${service} ${origin}`))
    const ended = named.filter(({ service, origin }) => drained.has(`${service} ${origin}`))
    const outcome = ended.length === 0 ? { acknowledged: [], missing: [] } : await drains.drain(ended, 0)
    if (outcome === undefined) throw new ApiProblem('drains_full', 'the cluster has the maximum number of drains')
    const upstreams = ended.map(({ service, origin }) => ({ service, upstream: origin }))
    return { status: 200, document: { upstreams, ...outcome }, note: { upstreams, ...outcome } }
  },
})
