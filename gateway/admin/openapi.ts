import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import { type ApiProblemCode, apiProblemCodes } from './api-problem.ts'
import type { Operation } from './operation.ts'
import { scopes } from './scopes.ts'

type Json = Readonly<Record<string, unknown>>

/** Problems that every operation can return. */
const common: readonly ApiProblemCode[] = [
  'invalid_request',
  'credential_required',
  'invalid_token',
  'insufficient_scope',
  'forbidden',
  'internal_error',
  'unavailable',
]
const ofBodies: readonly ApiProblemCode[] = ['content_too_large', 'unsupported_media_type']

/**
 * Builds the OpenAPI 3.1 document from the same list of operations that the API serves. Returns a new object each time.
 *
 * @param version  version of Gatehouse
 */
export function openApiDocument(operations: readonly Operation[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const each of operations) {
    const path = paths[each.path] ?? {}
    path[each.method.toLowerCase()] = operationObject(each)
    paths[each.path] = path
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gatehouse admin API',
      version,
      description:
        'Operates a running cluster. Every node serves this API on its admin listener. Every call is logged and audited.',
    },
    paths,
    components: {
      schemas: { Problem: problemSchema },
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: `An access token of \`admin.issuer\` with the scope of the operation, or the bootstrap token. Scopes: ${Object.entries(
            scopes,
          )
            .map(([scope, about]) => `\`${scope}\` (${about})`)
            .join(', ')}.`,
        },
      },
    },
  }
}

function operationObject(operation: Operation): Json {
  const { id, summary, description, scope, query, pathParameters, body, replies, problems = [] } = operation
  const content = (schema: z.ZodType, type = 'application/json'): Json => ({ [type]: { schema: jsonSchema(schema) } })
  const responses: Record<string, Json> = {}
  for (const [status, reply] of Object.entries(replies)) {
    responses[status] = { description: reply.description, content: content(reply.schema, reply.type) }
  }
  const codes = new Set([...common, ...(body === undefined ? [] : ofBodies), ...problems])
  for (const [status, described] of problemsByStatus(codes)) {
    responses[status] = {
      description: described,
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    }
  }
  return {
    operationId: id,
    summary,
    description,
    // For schemes other than OAuth 2, these strings are required roles (OpenAPI 3.1 §4.8.30).
    security: [{ bearer: [scope] }],
    ...(query === undefined && pathParameters === undefined
      ? {}
      : { parameters: [...parameters(pathParameters, 'path'), ...parameters(query, 'query')] }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: content(body) } }),
    responses,
  }
}

function problemsByStatus(codes: Iterable<ApiProblemCode>): Map<number, string> {
  const described = new Map<number, string>()
  for (const code of codes) {
    const { status, why } = apiProblemCodes[code]
    const before = described.get(status)
    described.set(status, `${before === undefined ? `${STATUS_CODES[status]}.` : before} \`${code}\`: ${why}.`)
  }
  return described
}

function parameters(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (schema === undefined) return []
  const { properties = {}, required = [] } = jsonSchema(schema) as {
    properties?: Record<string, Record<string, unknown>>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, ...written }]) => ({
    name,
    in: place,
    required: required.includes(name),
    description,
    schema: written,
  }))
}

/** OpenAPI 3.1 uses the dialect of JSON Schema 2020-12. */
function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...written } = z.toJSONSchema(schema, { io: 'input' })
  return written
}

const problemSchema: Json = {
  type: 'object',
  description: 'Problem document (RFC 9457).',
  required: ['type', 'title', 'status', 'code', 'detail', 'instance'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(apiProblemCodes) },
    detail: {
      type: 'string',
      description: 'Explanation for people. The text may change between versions; `code` does not.',
    },
    hint: { type: 'string', description: 'Recommended remedy.' },
    instance: { type: 'string', description: 'Id of the call in the log, as in the field `x-request-id`.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['detail'],
        properties: {
          pointer: { type: 'string', description: 'JSON Pointer into the body.' },
          parameter: { type: 'string', description: 'Name of a query parameter.' },
          detail: { type: 'string' },
        },
      },
    },
  },
}
