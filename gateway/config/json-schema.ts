import { z } from 'zod'

/** The subset of JSON Schema that this module reads. */
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
  // Annotations from `.meta`, which are not part of JSON Schema.
  /** When a change takes effect. `live`: without a restart. `restart`: at the next start. */
  reload?: 'live' | 'restart'
  secret?: boolean
  /** Form that a text is parsed as, such as `duration`. */
  form?: string
  /** Bounds of the parsed value, such as `10ms to 1m`. */
  bounds?: string
}

/** A document that operators write: its schema and its name for editors. */
export interface DocumentSchema {
  readonly schema: z.ZodType
  readonly title: string
}

type Override = NonNullable<z.core.ToJSONSchemaParams['override']>

/** Expresses in JSON Schema the rules that the Zod schemas check by code. */
const override: Override = ({ zodSchema, jsonSchema: written }) => {
  // At most one of our forms fits a value, so `anyOf` is equivalent, and schema readers need to support only `anyOf`.
  if (written.oneOf !== undefined) {
    written.anyOf = written.oneOf
    delete written.oneOf
  }
  if (!(zodSchema instanceof z.ZodObject || zodSchema instanceof z.ZodRecord)) return
  // An object without required keys is invalid when empty: it must have at least one key.
  if (written.required === undefined && !zodSchema.safeParse({}).success) written.minProperties = 1
}

/** Returns the schema of a document with the annotations for the reference. A new object each time. */
export function annotatedSchema({ schema, title }: DocumentSchema): JsonSchema {
  // Draft 7 has the best support in YAML editors.
  const written = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', override }) as JsonSchema
  for (const [, entry] of entriesOf(written)) if (entry.secret === true) entry.maxProperties = 1
  return { ...written, title }
}

/**
 * Returns the schema of a document for editors: pure draft 7, with the path of each key as its title. It accepts every
 * valid document and rejects errors of form. `gatehouse check` finds all other errors.
 */
export function jsonSchema(document: DocumentSchema): JsonSchema {
  const schema = annotatedSchema(document)
  for (const [path, entry] of entriesOf(schema)) entry.title = path
  for (const name of Object.keys(schema.definitions ?? {})) schema.definitions![name]!.title = name
  return plain(schema)
}

/** Yields every key that an operator can write, with its path: `services.*.routes[].id`. */
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

/**
 * Removes annotations that are not part of JSON Schema. A property may have the name of an annotation: its value is
 * then an object, a schema, and stays.
 */
function plain<T>(schema: T): T {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    beside.has(key) && (typeof value !== 'object' || value === null) ? undefined : value,
  )
}
