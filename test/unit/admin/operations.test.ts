// Every operation of the admin API has an example that its own schemas accept, and the OpenAPI document contains the
// example.

import { expect, test } from 'vitest'
import { z } from 'zod'
import { openApiDocument } from '../../../gateway/admin/openapi.ts'
import { operations } from '../../../gateway/admin/operations.ts'

interface Described {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly example?: unknown }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly example: unknown }>> }
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly example?: unknown }>> }>
  >
}

const document = (await openApiDocument(operations, '1.2.3')) as {
  readonly info: { readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
}
const nothing = z.undefined()

test.each(operations)(
  'the example of the admin operation $id matches the schemas of the operation for query, path parameters, request body and reply',
  (operation) => {
    const { query = nothing, pathParameters = nothing, body = nothing, replies, example } = operation

    for (const [schema, value] of [
      [query, operation.query === undefined ? example.query : (example.query ?? {})],
      [pathParameters, example.pathParameters],
      [body, example.body],
      ...Object.values(replies).map(({ schema }) => [schema, example.reply] as const),
    ] as const) {
      expect(z.prettifyError(schema.safeParse(value).error ?? new z.ZodError([]))).toBe('')
    }
  },
)

test.each(operations)(
  'the OpenAPI document of the admin API describes $method $path with the example of the operation',
  (operation) => {
    const { path, method, id, example, body, replies } = operation
    const described = document.paths[path]![method.toLowerCase()]!
    const parameters = Object.fromEntries(
      (described.parameters ?? []).flatMap(({ name, example: value }) => (value === undefined ? [] : [[name, value]])),
    )

    expect(described.operationId).toBe(id)
    expect(parameters).toEqual({ ...(example.query ?? {}), ...(example.pathParameters ?? {}) })
    expect(described.requestBody?.content['application/json']?.example).toEqual(body && example.body)
    for (const [status, { type = 'application/json' }] of Object.entries(replies)) {
      expect(described.responses[status]!.content[type]!.example).toEqual(example.reply)
    }
    expect(Object.keys(described.responses)).toEqual(expect.arrayContaining(['400', '401', '403', '429', '500', '503']))
  },
)

test('the OpenAPI document of the admin API has the version of Gatehouse and only references that exist', () => {
  const { version } = document.info
  const text = JSON.stringify(document)
  const references = new Set(Array.from(text.matchAll(/"\$ref":"([^"]+)"/g), ([, reference]) => reference))

  expect(version).toBe('1.2.3')
  expect([...references]).toEqual(['#/components/schemas/Problem'])
  expect(document).toHaveProperty(['components', 'schemas', 'Problem', 'properties', 'code'])
})
