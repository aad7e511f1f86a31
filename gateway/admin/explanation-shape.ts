import { z } from 'zod'
import { decisions } from '../base/decision.ts'

const reason = z.string().describe('Of the closed vocabulary: docs/reference/reasons.md.')
const checkVerdict = z.enum(['passed', 'failed', 'not reached', 'not checked'])
const fields = z.array(z.tuple([z.string(), z.string()]))

const route = z.strictObject({
  id: z.string(),
  service: z.string(),
  host: z.string().nullable().describe('As the policy writes it; null: every host.'),
  path: z.string(),
  methods: z.array(z.string()),
})

const token = z.strictObject({
  issuer: z.strictObject({ name: z.string(), issuer: z.string() }).nullable(),
  checks: z.array(
    z.strictObject({
      check: z.enum(['form', 'introspection', 'issuer', 'header', 'claims', 'signature', 'accepted']),
      verdict: checkVerdict,
      reason: reason.nullable(),
      detail: z.string().nullable().describe('What was looked at. Never the token, nor any part of its text.'),
    }),
  ),
  ignored_keys: z
    .array(z.strictObject({ kid: z.string().optional(), why: z.string() }))
    .describe('Keys of the issuer that do not count.'),
  claims: z
    .strictObject({
      subject: z.string(),
      client: z.string().nullable(),
      audience: z.array(z.string()),
      scopes: z.array(z.string()),
      roles: z.array(z.string()),
      issued_at: z.string().nullable(),
      expires_at: z.string().nullable(),
      acr: z.string().nullable(),
    })
    .nullable()
    .describe('What the token says; believed only when every check has passed.'),
})

const requirement = z.strictObject({
  demand: z.string(),
  met: z.boolean().nullable().describe("null: not evaluated, since nobody's token was accepted."),
  reason: reason.nullable(),
  parts: z.array(z.record(z.string(), z.unknown())).describe('Each of this same form.'),
})

const limit = z.strictObject({
  limit: z.string(),
  by: z.array(z.string()),
  bucket: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe('Whose window it would be counted in; null when the request did not get so far.'),
  requests: z.number(),
  window_ms: z.number(),
  cost: z.number(),
  mode: z.enum(['exact', 'leased']),
  shadow: z.boolean().describe('Counted and recorded, and never enforced.'),
  charged: z.literal(false),
  used: z.number().nullable().describe('Requests that the whole cluster has admitted; null where nobody can say.'),
  held: z.number().nullable().describe('Of these, permits that nodes hold.'),
})

const service = z.strictObject({
  upstreams: z.array(z.string()),
  method: z.string(),
  path: z.string(),
  query: z.literal('as sent').nullable(),
  fields: z.array(
    z.strictObject({
      name: z.string(),
      value: z.string().nullable().describe('null where it is not shown.'),
      from: z.enum(['gate', 'client']),
    }),
  ),
  assertion: z.record(z.string(), z.unknown()).nullable().describe('Claims of the identity assertion, unsigned.'),
})

/** Schema of `Explanation` in the API. */
export const explanation = z.strictObject({
  decision: z.enum(decisions),
  reason,
  why: z.string(),
  signature: z
    .union([checkVerdict, z.literal('verified')])
    .nullable()
    .describe('null when no token was read.'),
  node: z.string().describe('That was asked.'),
  revision: z.string().describe('Of the policy.'),
  request: z.strictObject({
    method: z.string(),
    host: z.string(),
    path: z.string().nullable().describe('In normal form; null when it has none.'),
    address: z.string(),
    at: z.string(),
  }),
  phases: z.array(z.string()).describe('That the request went through, in order; the last one decided.'),
  route: route.nullable(),
  nearest: z.array(route).describe('Where no route matched: those that were perhaps meant.'),
  addresses: z.strictObject({ listed: z.boolean(), permitted: z.boolean() }).nullable(),
  token: token.nullable(),
  requirement: requirement.nullable().describe('null on a public route, and where none matched.'),
  shadow: z
    .strictObject({ verdict: z.string().nullable(), requirement })
    .nullable()
    .describe('What the route tries out beside it, without effect.'),
  limits: z.array(limit).nullable().describe('That count on the route; null where none matched.'),
  service_receives: service.nullable(),
  reply: z
    .strictObject({
      status: z.number(),
      code: z.string(),
      challenge: z.string().nullable(),
      fields,
      closes: z.boolean().describe('The connection ends with it.'),
    })
    .nullable()
    .describe('Of the gate itself; null when the service would reply.'),
  fault: z.string().nullable().describe('What failed, in words for operators.'),
})
