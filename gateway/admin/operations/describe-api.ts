import { z } from 'zod'
import { openApiDocument } from '../openapi.ts'
import { type Operation, operation } from '../operation.ts'

/** @param listed returns all operations, including this one */
export const describeApi = (listed: () => readonly Operation[]): Operation =>
  operation({
    id: 'describe_api',
    method: 'GET',
    path: '/api/v1/openapi.json',
    summary: 'This document',
    description: 'OpenAPI 3.1.',
    scope: 'gatehouse:read',
    replies: { 200: { description: 'The document.', schema: z.looseObject({ openapi: z.string() }) } },
    run: ({ dependencies }) => ({ status: 200, document: openApiDocument(listed(), dependencies.node.version) }),
  })
