import { z } from 'zod'
import { drainField } from '../../drains/drain.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import {
  drainedExample,
  drainOutcome,
  drainProblems,
  drainsFull,
  namedUpstreams,
  upstreamSelector,
} from '../upstream-shape.ts'

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
  problems: drainProblems,
  example: {
    body: { upstream: 'http://orders-1:8080' },
    reply: drainedExample,
  },
  run: async ({ body, dependencies }) => {
    const { drains } = requireRedis(dependencies)
    const named = namedUpstreams(body, dependencies.node)
    const drained = new Set(drains.list().map(({ service, origin }) => drainField(service, origin)))
    const ended = named.filter(({ service, origin }) => drained.has(drainField(service, origin)))
    const outcome = ended.length === 0 ? { acknowledged: [], missing: [] } : await drains.drain(ended, 0)
    if (outcome === undefined) throw drainsFull()
    const upstreams = ended.map(({ service, origin }) => ({ service, upstream: origin }))
    return { status: 200, document: { upstreams, ...outcome }, note: { upstreams, ...outcome } }
  },
})
