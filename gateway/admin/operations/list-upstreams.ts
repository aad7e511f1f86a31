import { z } from 'zod'
import { upstreamStates } from '../../upstream/balanced-target.ts'
import { operation } from '../operation.ts'
import { drainShape, shapedDrain, upstreamAddressShape } from '../upstream-shape.ts'

const upstream = z.strictObject({
  service: z.string(),
  upstream: z.string().describe('Origin of the upstream.'),
  address: upstreamAddressShape,
  weight: z.int(),
  state: z.enum(upstreamStates).describe('State of the upstream on the node, as in `/status`.'),
  calls: z.int().describe('Calls of the node that are in flight, WebSockets included.'),
  connections: z.int().describe('Open connections of the node to the upstream.'),
  check: z.string().nullable().describe('Outcome of the latest health check of the upstream; null without one.'),
})

export const listUpstreams = operation({
  id: 'list_upstreams',
  method: 'GET',
  path: '/api/v1/upstreams',
  summary: 'List the addresses of upstreams with their states on this node, and the drains of the cluster',
  description:
    'Calls, connections and states other than `drained` are those of the node that replies. Drains of upstreams that the ' +
    'policy no longer has are listed too.',
  scope: 'gatehouse:read',
  replies: {
    200: {
      description: 'The upstreams, and the drains.',
      schema: z.strictObject({ node: z.string(), upstreams: z.array(upstream), drains: z.array(drainShape) }),
    },
  },
  example: {
    reply: {
      node: 'node-a',
      upstreams: [
        {
          service: 'orders',
          upstream: 'http://orders-1:8080',
          address: '10.0.0.7',
          weight: 1,
          state: 'drained',
          calls: 2,
          connections: 2,
          check: 'status 200',
        },
      ],
      drains: [{ service: 'orders', upstream: 'http://orders-1:8080', until: '2030-01-31T09:00:00.000Z' }],
    },
  },
  run: ({ dependencies: { node, shared } }) => ({
    status: 200,
    document: {
      node: node.id,
      upstreams: node.upstreams.map(({ service, origin, address, weight, state, calls, connections, lastCheck }) => ({
        service,
        upstream: origin,
        address: address ?? null,
        weight,
        state,
        calls,
        connections,
        check: lastCheck?.detail ?? null,
      })),
      drains: (shared?.drains.list() ?? []).map(shapedDrain),
    },
  }),
})
