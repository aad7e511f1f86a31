import { z } from 'zod'
import { policySchema } from './policy-schema.ts'
import { settingsSchema } from './settings-schema.ts'

export const documentKinds = ['settings', 'policy'] as const

/** `settings`: gatehouse.yaml. `policy`: policy.yaml. */
export type DocumentKind = (typeof documentKinds)[number]

/** A schema in JSON, as far as it is read here. */
export interface JsonSchema {
  title?: string
  description?: string
  default?: unknown
  type?: string
  const?: unknown
  enum?: unknown[]
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  minProperties?: number
  maxProperties?: number
  required?: string[]
  properties?: Record<string, JsonSchema>
  propertyNames?: JsonSchema
  additionalProperties?: JsonSchema | false
  items?: JsonSchema
  anyOf?: JsonSchema[]
  allOf?: JsonSchema[]
  $ref?: string
  definitions?: Record<string, JsonSchema>
  // What the schemas say beside JSON Schema, by `.meta`.
  /** `live`: a change takes effect by itself. `restart`: at the next start. */
  reload?: 'live' | 'restart'
  secret?: boolean
  /** What a text is read as, such as `duration`. */
  form?: string
  /** Of what the text is read as: `10ms to 1m`. */
  bounds?: string
}

const roots = {
  settings: { schema: settingsSchema, title: 'Gatehouse settings (gatehouse.yaml)' },
  policy: { schema: policySchema, title: 'Gatehouse policy (policy.yaml)' },
} as const

type Override = NonNullable<z.core.ToJSONSchemaParams['override']>

/** Says in JSON Schema what the schemas check by code. */
const override: Override = ({ zodSchema, jsonSchema: written }) => {
  // No two forms of ours fit the same value, and readers of `anyOf` are all that is needed then.
  if (written.oneOf !== undefined) {
    written.anyOf = written.oneOf
    delete written.oneOf
  }
  if (!(zodSchema instanceof z.ZodObject || zodSchema instanceof z.ZodRecord)) return
  // Nothing is required by name, and an empty one is refused all the same: it must have one of its keys.
  if (written.required === undefined && !zodSchema.safeParse({}).success) written.minProperties = 1
}

/** The schema of a document, with what only the reference needs. A new object each time. */
export function annotatedSchema(kind: DocumentKind): JsonSchema {
  const { schema, title } = roots[kind]
  // Draft 7: what editors for YAML know best.
  const written = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', override }) as JsonSchema
  const { requirement } = written.definitions ?? {}
  if (requirement !== undefined) requirement.maxProperties = 1
  for (const [, entry] of entriesOf(written)) if (entry.secret === true) entry.maxProperties = 1
  return { ...written, title }
}

/**
 * The schema of a document for editors: draft 7 and nothing but it, each key with its path as title. It accepts all that
 * is valid, and refuses what can be told from the form alone; the rest is `gatehouse check`'s.
 */
export function jsonSchema(kind: DocumentKind): JsonSchema {
  const schema = annotatedSchema(kind)
  for (const [path, entry] of entriesOf(schema)) entry.title = path
  for (const name of Object.keys(schema.definitions ?? {})) schema.definitions![name]!.title = name
  return plain(schema)
}

/** Every key that an operator can write, with its path: `services.*.routes[].id`. */
export function* entriesOf(schema: JsonSchema, path = ''): Generator<[path: string, entry: JsonSchema]> {
  for (const [key, entry] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`
    yield [at, entry]
    yield* entriesOf(entry, at)
  }
  if (typeof schema.additionalProperties === 'object') yield* entriesOf(schema.additionalProperties, `${path}.*`)
  if (schema.items !== undefined) yield* entriesOf(schema.items, `${path}[]`)
  for (const option of schema.anyOf ?? []) yield* entriesOf(option, path)
  for (const [name, definition] of Object.entries(schema.definitions ?? {})) yield* entriesOf(definition, name)
}

const beside = new Set(['reload', 'secret', 'form', 'bounds', 'readOnly'])

/** Without what is no statement about documents. A property may have such a name; then it holds a schema. */
function plain<T>(schema: T): T {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    beside.has(key) && (typeof value !== 'object' || value === null) ? undefined : value,
  )
}
