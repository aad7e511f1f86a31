import { z } from 'zod'
import type { Operation } from '../../gateway/admin/operation.ts'
import { ownerScopePrefix } from '../../gateway/admin/scopes.ts'

/** JSON Schema, as far as the schemas of operations use it. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly prefixItems?: readonly Schema[]
}

/**
 * Returns the TypeScript source of gateway/console/api/operations.ts: method, path, scope and types of every operation
 * of the admin API, from the schemas of the operations. The console is compiled for browsers and must not import the
 * code of the node.
 */
export function consoleOperations(operations: readonly Operation[]): string {
  return `// Written by \`npm run docs\` from the operations of the admin API. Change the operations, not this file.

/** Types of each operation of the admin API, by operation id. */
export interface AdminOperations {
${operations.map(typesOf).join('\n')}
}

/**
 * Method, path and scope of each operation of the admin API. \`owners\`: prefix of the scopes of
 * owners of services, who may call it too.
 */
export const adminOperations = {
${operations.map(entryOf).join('\n')}
} as const
`
}

function entryOf({ id, method, path, scope, serviceOf }: Operation): string {
  const owners = serviceOf === undefined ? '' : `, owners: ${quoted(ownerScopePrefix)}`
  return `  ${id}: { method: ${quoted(method)}, path: ${quoted(path)}, scope: ${quoted(scope)}${owners} },`
}

function typesOf({ id, summary, query, pathParameters, body, replies }: Operation): string {
  const schemas = [
    ['query', query, 'input'],
    ['path', pathParameters, 'input'],
    ['body', body, 'input'],
  ] as const
  const members = schemas.map(
    ([name, schema, io]) =>
      `    ${name}: ${schema === undefined ? 'undefined' : typeOf(jsonSchema(schema, io), '    ')}`,
  )
  const documents = Object.values(replies).map(({ schema, type }) =>
    type === 'text/event-stream' ? 'ReadableStream' : typeOf(jsonSchema(schema, 'output'), '    '),
  )
  members.push(`    reply: ${[...new Set(documents)].join(' | ')}`)
  return `  /** ${summary}. */\n  ${id}: {\n${members.join('\n')}\n  }`
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Schema {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Schema
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.const !== undefined) return quoted(schema.const)
  if (schema.enum !== undefined) return schema.enum.map(quoted).join(' | ')
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return [...new Set(choices.map((each) => typeOf(each, indent)))].join(' | ')
  if (schema.allOf !== undefined) return schema.allOf.map((each) => typeOf(each, indent)).join(' & ')
  if (typeof schema.type === 'object') {
    return schema.type.map((type) => typeOf({ ...schema, type }, indent)).join(' | ')
  }
  switch (schema.type) {
    case 'object':
      return objectType(schema, indent)
    case 'array':
      if (schema.prefixItems !== undefined)
        return `[${schema.prefixItems.map((each) => typeOf(each, indent)).join(', ')}]`
      return arrayType(typeOf(schema.items ?? {}, indent))
    case 'integer':
      return 'number'
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type
    default:
      return 'unknown'
  }
}

function arrayType(item: string): string {
  return /[|&]/.test(item.replaceAll(/\{.*\}/gs, '')) ? `readonly (${item})[]` : `readonly ${item}[]`
}

function objectType({ properties = {}, required = [], additionalProperties }: Schema, indent: string): string {
  const inner = `${indent}  `
  const members = Object.entries(properties).map(([name, schema]) => {
    const about =
      schema.description === undefined ? '' : `${inner}/** ${schema.description.replaceAll('*/', '* /')} */\n`
    const mark = required.includes(name) ? '' : '?'
    return `${about}${inner}readonly ${/^[a-z_]\w*$/i.test(name) ? name : quoted(name)}${mark}: ${typeOf(schema, inner)}`
  })
  if (members.length > 0) return `{\n${members.join('\n')}\n${indent}}`
  if (typeof additionalProperties !== 'object') return 'Readonly<Record<string, unknown>>'
  return `Readonly<Record<string, ${typeOf(additionalProperties, inner)}>>`
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "\\'")}'` : String(value)
}
