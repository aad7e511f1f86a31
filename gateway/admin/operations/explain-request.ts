import { z } from 'zod'
import { InvalidRequest } from '../../explain/dry-run-request.ts'
import { httpVersions } from '../../pipeline/exchange/request-head.ts'
import { ApiProblem } from '../api-problem.ts'
import { explanation } from '../explanation-shape.ts'
import { operation } from '../operation.ts'
import { requireScope } from '../required-scope.ts'

const text = z.string().max(16 * 1024)

const asked = z.strictObject({
  method: text.describe('Request method, as the client would send it.'),
  url: text.describe('Absolute URL, as the client would send it. A path is resolved against `public_url`.'),
  token: text
    .optional()
    .describe(
      'Access token of the request. It is verified like the token of a real request, and is never recorded. With a ' +
        'DPoP field in `fields`, it is sent with the scheme DPoP; the proof is not used up.',
    ),
  session: z
    .string()
    .regex(/^[0-9a-f]{32}$/, { error: 'must be a session id: 32 hexadecimal digits' })
    .optional()
    .describe(
      'Id of the login session of the request, instead of a token. Needs the scope gatehouse:sessions too. The session ' +
        'is refreshed if a real request would refresh it; its use is not recorded.',
    ),
  certificate: text
    .optional()
    .describe(
      'Client certificate of the request in PEM, followed by its intermediate CAs. The node checks it like a certificate that a listed proxy states.',
    ),
  http_version: z
    .enum(httpVersions)
    .optional()
    .describe(
      'HTTP version of the request. Default: 2 for a gRPC call if the node has `listen_h2`, else 1.1. With 2, a request has a body if its Content-Length is not 0, or if it is a gRPC call.',
    ),
  fields: z
    .array(z.tuple([text, text]))
    .max(100)
    .default([])
    .describe('Further header fields of the request: pairs of name and value, 100 at most.'),
  address: text.default('127.0.0.1').describe('IP address of the client. Default 127.0.0.1.'),
})

export const explainRequest = operation({
  id: 'explain_request',
  method: 'POST',
  path: '/api/v1/explain',
  summary: 'Explain what the node would do with a request, and why',
  description:
    'Runs the phases of an exchange by the active policy, up to the point where the request would be forwarded. Uses the ' +
    'current issuer keys, introspection responses and revocations. Charges no rate limit, records no exchange and forwards ' +
    'nothing. A login session is used only if the call names its id.',
  scope: 'gatehouse:read',
  body: asked,
  replies: { 200: { description: 'The explanation of the request.', schema: explanation } },
  example: {
    body: { method: 'GET', url: 'https://api.example/order/1', token: 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln' },
    reply: {
      decision: 'refused',
      reason: 'route-unknown',
      why: 'no route matches this path under this host',
      first_step: 'compare the nearest routes with the path /order/1, or add a route for it to the policy',
      signature: null,
      node: 'node-a',
      revision: '3f2a9c1d04be',
      request: {
        method: 'GET',
        host: 'api.example',
        path: '/order/1',
        http_version: '1.1',
        address: '127.0.0.1',
        at: '2030-01-31T12:00:00.000Z',
      },
      phases: ['guard-request', 'resolve-client', 'answer-reserved', 'answer-preflight', 'match-route'],
      route: null,
      nearest: [{ id: 'orders.read', service: 'orders', host: null, path: '/orders/**', methods: ['GET'] }],
      addresses: null,
      token: null,
      session: null,
      requirement: null,
      shadow: null,
      limits: null,
      on_outage: null,
      service_receives: null,
      reply: {
        status: 404,
        grpc_status: null,
        code: 'not_found',
        challenge: null,
        fields: [['content-type', 'application/problem+json']],
        closes: false,
      },
      fault: null,
    },
  },
  run: async ({ body: { http_version: httpVersion, session, ...asked }, dependencies, caller }) => {
    if (session !== undefined) requireScope(caller, { scope: 'gatehouse:sessions' })
    try {
      const document = await dependencies.explainer.explain({ ...asked, httpVersion }, session)
      const { decision, reason, route, request } = document
      return { status: 200, document, note: { decision, reason, route: route?.id ?? null, path: request.path } }
    } catch (error) {
      throw error instanceof InvalidRequest ? unfit(error) : error
    }
  },
})

function unfit({ part, message }: InvalidRequest): ApiProblem {
  return new ApiProblem('invalid_request', message, { errors: [{ pointer: `/${part}`, detail: message }] })
}
