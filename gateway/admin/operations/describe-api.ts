import { z } from 'zod'
import { openApiDocument } from '../openapi.ts'
import { type Operation, operation } from '../operation.ts'

/**
 * Makes the operation that returns the OpenAPI document.
 *
 * @param listed  function that returns all operations of the admin API, including this operation
 */
export function describeApi(listed: () => readonly Operation[]): Operation {
  /** OpenAPI document. It is built only once, because that takes about 165 ms of CPU, during which exchanges wait. */
  let document: Promise<object> | undefined
  return operation({
    id: 'describe_api',
    method: 'GET',
    path: '/api/v1/openapi.json',
    summary: 'Show the OpenAPI document of the admin API',
    description: 'OpenAPI 3.1 description of the admin API, generated from the operations of this node.',
    scope: 'gatehouse:read',
    replies: { 200: { description: 'The OpenAPI document.', schema: z.looseObject({ openapi: z.string() }) } },
    example: { reply: { openapi: '3.1.0' } },
    run: async ({ dependencies }) => {
      document ??= openApiDocument(listed(), dependencies.node.version)
      return { status: 200, document: await document }
    },
  })
}
