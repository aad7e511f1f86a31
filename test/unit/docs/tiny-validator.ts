import type { JsonSchema } from '../../../gateway/config/json-schema.ts'

/**
 * What JSON Schema draft 7 says of a value, for the keywords that ours use, and an error for any other: a keyword that
 * no validator knows would silently mean nothing.
 */
export function faultsIn(value: unknown, schema: JsonSchema, root: JsonSchema, at = '$'): string[] {
  const unknown = Object.keys(schema).filter((keyword) => !known.has(keyword))
  if (unknown.length > 0) throw new Error(`unknown keywords at ${at}: ${unknown.join(', ')}`)
  const within = (inner: unknown, part: JsonSchema, path: string) => faultsIn(inner, part, root, path)
  const faults: string[] = []
  const demand = (fine: boolean, what: string) => {
    if (!fine) faults.push(`${at}: ${what}`)
  }
  if (schema.$ref !== undefined) return within(value, root.definitions![schema.$ref.split('/').at(-1)!]!, at)
  for (const part of schema.allOf ?? []) faults.push(...within(value, part, at))
  if (schema.anyOf !== undefined)
    demand(
      schema.anyOf.some((part) => within(value, part, at).length === 0),
      'anyOf',
    )
  if (schema.type !== undefined) demand(isOfType(value, schema.type), schema.type)
  if (schema.const !== undefined) demand(value === schema.const, 'const')
  if (schema.enum !== undefined) demand(schema.enum.includes(value), 'enum')
  if (typeof value === 'string') {
    if (schema.pattern !== undefined) demand(new RegExp(schema.pattern, 'u').test(value), 'pattern')
    demand(value.length >= (schema.minLength ?? 0) && value.length <= (schema.maxLength ?? Infinity), 'length')
  }
  if (typeof value === 'number')
    demand(value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity), 'range')
  if (Array.isArray(value)) {
    demand(value.length >= (schema.minItems ?? 0) && value.length <= (schema.maxItems ?? Infinity), 'items')
    if (schema.items !== undefined)
      for (const [i, item] of value.entries()) faults.push(...within(item, schema.items, `${at}[${i}]`))
  } else if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value)
    demand(
      keys.length >= (schema.minProperties ?? 0) && keys.length <= (schema.maxProperties ?? Infinity),
      'properties',
    )
    for (const key of schema.required ?? []) demand(keys.includes(key), `required ${key}`)
    for (const [key, inner] of Object.entries(value)) {
      if (schema.propertyNames !== undefined) faults.push(...within(key, schema.propertyNames, `${at}.${key}`))
      const part = schema.properties?.[key] ?? schema.additionalProperties
      if (part === false) faults.push(`${at}: additional ${key}`)
      else if (part !== undefined) faults.push(...within(inner, part, `${at}.${key}`))
    }
  }
  return faults
}

const known = new Set(
  (
    '$schema $ref title description default definitions type const enum pattern minLength maxLength minimum maximum items ' +
    'minItems maxItems properties propertyNames additionalProperties required minProperties maxProperties anyOf allOf'
  ).split(' '),
)

function isOfType(value: unknown, type: string): boolean {
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return type === 'integer' ? Number.isInteger(value) : type === typeof value
}
