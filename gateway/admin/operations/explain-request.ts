import { z } from 'zod'
import { InvalidRequest } from '../../explain/dry-run-request.ts'
import { ApiProblem } from '../api-problem.ts'
import { explanation } from '../explanation-shape.ts'
import { operation } from '../operation.ts'

const text = z.string().max(16 * 1024)

const asked = z.strictObject({
  method: text.describe('As the client sends it.'),
  url: text.describe('As the client sends it, whole; a path alone is asked of `public_url`.'),
  token: text.optional().describe('The access token. It is used as a request would use it, and is never recorded.'),
  fields: z
    .array(z.tuple([text, text]))
    .max(100)
    .default([])
    .describe('That the client sends beside, name and value.'),
  address: text.default('127.0.0.1').describe('Of the client.'),
})

export const explainRequest = operation({
  id: 'explain_request',
  method: 'POST',
  path: '/api/v1/explain',
  summary: 'What the node would do with a request, and why',
  description:
    'The request goes through the phases of an exchange, by the policy in force, up to the moment at which it would be ' +
    'forwarded: the keys of the issuer, its answers about opaque tokens, and what is revoked count; nothing is charged, ' +
    'recorded or forwarded. A login session is not looked up.',
  scope: 'gatehouse:read',
  body: asked,
  replies: { 200: { description: 'What came of it.', schema: explanation } },
  run: async ({ body, dependencies }) => {
    try {
      const document = await dependencies.explainer.explain(body)
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
