import { z } from 'zod'
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

/** Longest duration of an upstream drain that ends by itself, s: one year. */
const FOR_MAX_S = 31_536_000

export const drainUpstream = operation({
  id: 'drain_upstream',
  method: 'POST',
  path: '/api/v1/upstreams/drain',
  summary: 'Drain an upstream on every node',
  description:
    'The upstream gets no new calls, unless all upstreams of the service are drained. Running calls and WebSockets ' +
    'continue. The drain survives restarts of nodes and changes of the policy. A second call replaces the end.',
  scope: 'gatehouse:admin',
  body: z.strictObject({
    ...upstreamSelector,
    for_s: z
      .int()
      .min(1)
      .max(FOR_MAX_S)
      .optional()
      .describe('Duration of the drain, s, up to a year. Default: until the drain is ended.'),
  }),
  replies: {
    200: { description: 'The upstream is drained.', schema: z.strictObject(drainOutcome) },
  },
  problems: drainProblems,
  example: {
    body: { upstream: 'http://orders-1:8080', for_s: 3600 },
    reply: drainedExample,
  },
  run: async ({ body, dependencies }) => {
    const { drains } = requireRedis(dependencies)
    const named = namedUpstreams(body, dependencies.node)
    const forMs = body.for_s === undefined ? Number.POSITIVE_INFINITY : body.for_s * 1000
    const outcome = await drains.drain(named, forMs)
    if (outcome === undefined) throw drainsFull()
    const upstreams = named.map(({ service, origin }) => ({ service, upstream: origin }))
    return { status: 200, document: { upstreams, ...outcome }, note: { upstreams, for_s: body.for_s, ...outcome } }
  },
})
