import { z } from 'zod'
import { expiryExample, expiryShape, shapedExpiry } from '../expiry-shape.ts'
import { operation } from '../operation.ts'

export const listExpiries = operation({
  id: 'list_expiries',
  method: 'GET',
  path: '/api/v1/expiries',
  summary: 'List certificates, secrets and keys that expire',
  description:
    'Lists everything of this node that ends at a known time, the earliest first: certificates, secrets with a stated ' +
    'date, keys of issuers that cannot be fetched. Certificates of upstreams are those that this node saw.',
  scope: 'gatehouse:read',
  replies: {
    200: {
      description: 'Certificates, secrets and keys of this node that expire.',
      schema: z.strictObject({ node: z.string(), expiries: z.array(expiryShape) }),
    },
  },
  example: { reply: { node: 'node-a', expiries: [expiryExample] } },
  run: ({ dependencies: { node } }) => ({
    status: 200,
    document: { node: node.id, expiries: node.expiries.map(shapedExpiry) },
  }),
})
