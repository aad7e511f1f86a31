import { z } from 'zod'
import { decisions } from '../base/decision.ts'
import { httpVersions } from '../pipeline/exchange/request-head.ts'

const reason = z.string().describe('Reason from the list in docs/reference/reasons.md.')
const checkVerdict = z.enum(['passed', 'failed', 'not reached', 'not checked'])
const fields = z.array(z.tuple([z.string(), z.string()]))

const route = z.strictObject({
  id: z.string(),
  service: z.string(),
  host: z.string().nullable().describe('Host pattern of the route; null: the route matches every host.'),
  path: z.string(),
  methods: z.array(z.string()),
})

const token = z.strictObject({
  issuer: z.strictObject({ name: z.string(), issuer: z.string() }).nullable(),
  checks: z.array(
    z.strictObject({
      check: z.enum(['form', 'introspection', 'issuer', 'header', 'claims', 'signature', 'possession', 'accepted']),
      verdict: checkVerdict,
      reason: reason.nullable(),
      detail: z
        .string()
        .nullable()
        .describe('Values that the check compared. Never contains any part of the token text.'),
    }),
  ),
  ignored_keys: z
    .array(z.strictObject({ kid: z.string().optional(), why: z.string() }))
    .describe('Keys of the issuer that the gate does not use, with the reason.'),
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
    .describe('Claims of the token. The gate trusts them only when every check passed.'),
})

const session = z.strictObject({
  id: z.string(),
  subject: z.string(),
  issuer: z.string(),
  claims_at: z.string().nullable().describe('Time at which the issuer stated the claims about the user.'),
  claims: z.array(z.string()).describe('Names of the claims about the user that the request has.'),
  scopes: z.array(z.string()),
  roles: z.array(z.string()),
  ends_at: z.string().nullable(),
})

const requirement = z.strictObject({
  demand: z.string(),
  met: z
    .boolean()
    .nullable()
    .describe('Whether the requirement is met; null when it was not evaluated, because no token was accepted.'),
  reason: reason.nullable(),
  parts: z.array(z.record(z.string(), z.unknown())).describe('Nested requirements, each with these same members.'),
})

const limit = z.strictObject({
  limit: z.string(),
  by: z.array(z.string()),
  bucket: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe('Key of the window that would count the request; null when an earlier phase ended the request.'),
  requests: z
    .number()
    .nullable()
    .describe('Maximum number of requests in the window; null for a limit that counts messages.'),
  messages: z
    .number()
    .nullable()
    .describe('Maximum number of messages of WebSockets on one node; null for a limit that counts requests.'),
  window_ms: z.number(),
  cost: z.number(),
  mode: z.enum(['exact', 'leased', 'node']).describe('node: each node counts by itself.'),
  shadow: z.boolean().describe('Shadow mode: the limit is counted and recorded but never enforced.'),
  charged: z.literal(false),
  used: z.number().nullable().describe('Requests in the window that the cluster has admitted; null when unknown.'),
  held: z.number().nullable().describe('Part of `used` that nodes hold as unused permits; null when unknown.'),
})

const service = z.strictObject({
  upstreams: z.array(z.string()),
  credential: z
    .strictObject({ type: z.string(), field: z.string().nullable() })
    .describe('Kind of the credential of the service, and the field that contains it. The value is never shown.'),
  method: z.string(),
  path: z.string(),
  query: z.literal('as sent').nullable(),
  fields: z.array(
    z.strictObject({
      name: z.string(),
      value: z.string().nullable().describe('Value of the header field; null when the value is hidden.'),
      from: z.enum(['gate', 'client']),
    }),
  ),
  assertion: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe('Claims of the identity assertion, without a signature.'),
})

/** Schema of an `Explanation` in replies of the admin API. */
export const explanation = z.strictObject({
  decision: z.enum(decisions),
  reason,
  why: z.string(),
  first_step: z
    .string()
    .nullable()
    .describe('What to do first when the request should be admitted; null when `why` says it.'),
  signature: z
    .union([checkVerdict, z.literal('verified')])
    .nullable()
    .describe('Result of the signature check; null when the request had no token.'),
  node: z.string().describe('Node that explained the request.'),
  revision: z.string().describe('Revision of the active policy.'),
  request: z.strictObject({
    method: z.string(),
    host: z.string(),
    path: z.string().nullable().describe('Path in normal form; null when the path is invalid.'),
    http_version: z.enum(httpVersions),
    address: z.string(),
    at: z.string(),
  }),
  phases: z.array(z.string()).describe('Phases that ran, in order. The last phase decided.'),
  route: route.nullable(),
  nearest: z.array(route).describe('Similar routes, when no route matched.'),
  addresses: z.strictObject({ listed: z.boolean(), permitted: z.boolean() }).nullable(),
  token: token.nullable(),
  session: session.nullable().describe('Login session of the request; null without one.'),
  requirement: requirement
    .nullable()
    .describe('Requirement of the route; null for a public route, and when no route matched.'),
  shadow: z
    .strictObject({ verdict: z.string().nullable(), requirement })
    .nullable()
    .describe('Requirement in shadow mode, which has no effect on the decision.'),
  limits: z.array(limit).nullable().describe('Rate limits of the route; null when no route matched.'),
  on_outage: z
    .strictObject({
      limits: z.string(),
      revocation: z.string(),
      replay: z.string(),
      introspection: z.string().optional().describe('Absent: `introspection.stale` of the issuer.'),
    })
    .nullable()
    .describe('Effective `on_outage` of the route; null when no route matched.'),
  service_receives: service.nullable(),
  reply: z
    .strictObject({
      status: z.number().describe('HTTP status, as the log has it. A gRPC client gets 200 and `grpc_status`.'),
      grpc_status: z.number().nullable().describe('Status of gRPC; null when the request is no gRPC call.'),
      code: z.string(),
      challenge: z.string().nullable(),
      fields,
      closes: z.boolean().describe('Whether the gate closes the connection after the reply.'),
    })
    .nullable()
    .describe("The gate's own reply; null when the service would reply."),
  fault: z.string().nullable().describe('Fault that ended the request, for operators; null when there was none.'),
})
