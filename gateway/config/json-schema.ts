import { z } from 'zod'

/** The subset of JSON Schema that the functions of this file read and write. */
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
  // Members that come from `.meta` of the Zod schema and are not part of JSON Schema.
  /**
   * Time at which a changed setting takes effect. `live`: without a restart. `restart`: at the next start of the node.
   */
  reload?: 'live' | 'restart'
  secret?: boolean
  /** Name of the form that a text setting must have, such as `duration`. */
  form?: string
  /** Bounds of the setting's parsed value, such as `10ms to 1m`. */
  bounds?: string
}

/** Schema of a document that operators write, such as gatehouse.yaml, and the title of that schema in editors. */
export interface DocumentSchema {
  readonly schema: z.ZodType
  readonly title: string
}

type Override = NonNullable<z.core.ToJSONSchemaParams['override']>

/** Adds to the generated JSON Schema the rules that the Zod schemas check in code. */
const override: Override = ({ zodSchema, jsonSchema: written }) => {
  // Replace `oneOf` by `anyOf`: every value matches at most one alternative, so `anyOf` accepts the same values as
  // `oneOf`. Readers of the schema then need to support only `anyOf`.
  if (written.oneOf !== undefined) {
    written.anyOf = written.oneOf
    delete written.oneOf
  }
  if (!(zodSchema instanceof z.ZodObject || zodSchema instanceof z.ZodRecord)) return
  // State that the object is not empty: the Zod schema has no required key but rejects `{}`. In JSON Schema this means:
  // the object needs at least one key.
  if (written.required === undefined && !zodSchema.safeParse({}).success) written.minProperties = 1
}

/**
 * Returns a document's JSON Schema with the annotations for the configuration reference. Each call creates a new
 * object.
 */
export function annotatedSchema({ schema, title }: DocumentSchema): JsonSchema {
  // Generate JSON Schema draft 7, which YAML editors support best.
  const written = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', override }) as JsonSchema
  for (const [, entry] of entriesOf(written)) if (entry.secret === true) entry.maxProperties = 1
  return { ...written, title }
}

/**
 * Returns a document's JSON Schema for editors: pure draft 7, with the path of each key as its title. The schema
 * accepts every valid document, and rejects values of a wrong type or form. It cannot find other errors: these are
 * found when the document is loaded, and in a policy also by `gatehouse check`.
 */
export function jsonSchema(document: DocumentSchema): JsonSchema {
  const schema = annotatedSchema(document)
  for (const [path, entry] of entriesOf(schema)) entry.title = path
  for (const name of Object.keys(schema.definitions ?? {})) schema.definitions![name]!.title = name
  return plain(schema)
}

/** Yields every key that an operator can write, with the path of the key, such as `services.*.routes[].id`. */
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

const beside = new Set(['reload', 'secret', 'form', 'bounds', 'remedy', 'readOnly'])

/**
 * Removes annotations that are not part of JSON Schema. A key of a document can have the same name as an annotation. It
 * is kept: its value is a schema object, while the value of an annotation is not an object.
 */
function plain<T>(schema: T): T {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    beside.has(key) && (typeof value !== 'object' || value === null) ? undefined : value,
  )
}
