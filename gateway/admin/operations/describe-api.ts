import { z } from 'zod'
import { openApiDocument } from '../openapi.ts'
import { type Operation, operation } from '../operation.ts'

/** @param listed returns all operations, including this one */
export function describeApi(listed: () => readonly Operation[]): Operation {
  /** Built once, because the first build takes about 165 ms of CPU, during which exchanges wait. */
  let document: Promise<object> | undefined
  return operation({
    id: 'describe_api',
    method: 'GET',
    path: '/api/v1/openapi.json',
    summary: 'Show this document',
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
