import Fastify, { type FastifySchema } from 'fastify'
import { z } from 'zod'
import { nodeHttp } from '../base/node-http.ts'
import { type ApiProblemCode, apiProblemCodes } from './api-problem.ts'
import type { Operation } from './operation.ts'
import { requestSchema, routePath } from './route.ts'
import { adminScopes, ownerScopes } from './scopes.ts'
import { validatorCompiler } from './shape.ts'

const { STATUS_CODES } = nodeHttp

/** Error codes that every operation of the admin API can return. */
const common: readonly ApiProblemCode[] = [
  'invalid_request',
  'credential_required',
  'invalid_token',
  'session_ended',
  'insufficient_scope',
  'forbidden',
  'too_many_requests',
  'internal_error',
  'unavailable',
]
const ofBodies: readonly ApiProblemCode[] = ['content_too_large', 'unsupported_media_type']

/**
 * Builds the OpenAPI 3.1 document from the operations with @fastify/swagger. Loads this plugin on the first call,
 * because a node rarely needs the document.
 *
 * @param version  version of Gatehouse
 */
export async function openApiDocument(operations: readonly Operation[], version: string): Promise<object> {
  const [{ fastifySwagger }, { jsonSchemaTransform }] = await Promise.all([
    import('@fastify/swagger'),
    import('fastify-type-provider-zod'),
  ])
  const app = Fastify({ exposeHeadRoutes: false })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(() => JSON.stringify)
  await app.register(fastifySwagger, {
    openapi: head(version),
    transform: jsonSchemaTransform,
  })
  for (const operation of operations) {
    const { method } = operation
    app.route({ method, url: routePath(operation), schema: described(operation), handler: () => undefined })
  }
  await app.ready()
  const document = app.swagger() as unknown as Writable
  for (const operation of operations) addExample(document.paths, operation)
  return document
}

/** Adds the example values of an operation to its parameters, its body and its successful replies. */
function addExample(paths: Writable['paths'], { path, method, example, replies }: Operation): void {
  const { parameters = [], requestBody, responses } = paths[path]![method.toLowerCase()]!
  const values = new Map(Object.entries({ ...(example.query ?? {}), ...(example.pathParameters ?? {}) }))
  for (const parameter of parameters) {
    if (values.has(parameter.name)) parameter.example = values.get(parameter.name)
  }
  for (const content of Object.values(requestBody?.content ?? {})) content.example = example.body
  for (const status of Object.keys(replies)) {
    for (const content of Object.values(responses[status]!.content)) content.example = example.reply
  }
}

type Content = Record<string, { example?: unknown }>

/** The parts of an OpenAPI document to which example values are added. */
interface Writable {
  readonly paths: Record<
    string,
    Record<
      string,
      {
        readonly parameters?: { readonly name: string; example?: unknown }[]
        readonly requestBody?: { readonly content: Content }
        readonly responses: Record<string, { readonly content: Content }>
      }
    >
  >
}

function head(version: string) {
  const listed = Object.entries({ ...adminScopes, ...ownerScopes }).map(([scope, about]) => `\`${scope}\` (${about})`)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gatehouse admin API',
      version,
      description:
        'Operates a running cluster. Every node serves this API on its admin listener. Every call is logged and audited.',
    },
    components: {
      schemas: { Problem: problemSchema() },
      securitySchemes: {
        bearer: {
          type: 'http' as const,
          scheme: 'bearer',
          description: `An access token of \`admin.issuer\` with the scope of the operation, or the bootstrap token. Scopes: ${listed.join(', ')}.`,
        },
      },
    },
  }
}

/** JSON Schema of problem documents, to which every operation refers. */
function problemSchema(): object {
  const { $schema: _, ...schema } = z.toJSONSchema(problemDocument)
  return schema
}

function described(operation: Operation): FastifySchema {
  const { id, summary, description, scope, serviceOf, body, replies, problems = [] } = operation
  const response: Record<string, object> = {}
  for (const [status, { description, schema, type = 'application/json' }] of Object.entries(replies)) {
    response[status] = { description, content: { [type]: { schema } } }
  }
  const codes = new Set([...common, ...(body === undefined ? [] : ofBodies), ...problems])
  for (const [status, description] of problemsByStatus(codes)) {
    response[status] = { description, content: { 'application/problem+json': { schema: problem } } }
  }
  return {
    ...requestSchema(operation),
    operationId: id,
    summary,
    description,
    // The scope stands in the list of roles of the security requirement, because the security scheme has not the type
    // OAuth 2 (OpenAPI 3.1 §4.8.30).
    security: [scope, ...(serviceOf ? Object.keys(ownerScopes) : [])].map((each) => ({ bearer: [each] })),
    response,
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

const problemDocument = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(apiProblemCodes) as [ApiProblemCode, ...ApiProblemCode[]]),
    detail: z.string().describe('Explanation for people. The text may change between versions; `code` does not.'),
    hint: z.string().optional().describe('Recommended remedy.'),
    instance: z.string().describe('Id of the call in the log, as in the field `x-request-id`.'),
    errors: z
      .array(
        z.looseObject({
          pointer: z.string().optional().describe('JSON Pointer into the body.'),
          parameter: z.string().optional().describe('Name of a query or path parameter.'),
          detail: z.string(),
        }),
      )
      .optional()
      .describe('Errors in the query, the path or the body.'),
  })
  .describe('Problem document (RFC 9457).')
/** Schema of a problem document. The OpenAPI document refers to it as the component `Problem`. */
const problem = problemDocument.meta({ id: 'Problem' })
