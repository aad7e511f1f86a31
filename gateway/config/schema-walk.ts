import { z } from 'zod'
import type { DocumentPath } from './problem.ts'

/**
 * Returns the Zod schema inside all schemas that wrap it, such as those for optional values, defaults and transforms.
 */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema
  for (;;) {
    if (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
      inner = inner.def.innerType
    } else if (inner instanceof z.ZodReadonly) inner = inner.def.innerType
    else if (inner instanceof z.ZodPipe) inner = inner.def.in
    else if (inner instanceof z.ZodLazy) inner = inner.def.getter()
    else return inner
  }
}

/**
 * Returns the Zod schemas for the value at `path` of a document. A union at a parent of the value can lead to several.
 */
export function schemasAt(schema: z.core.$ZodType, path: DocumentPath): z.core.$ZodType[] {
  return path.reduce((found, part) => found.flatMap((each) => childrenOf(unwrapped(each), part)), [schema])
}

/** Returns the keys that the Zod schema allows in the mapping at `path` of a document. */
export function keysAt(schema: z.core.$ZodType, path: DocumentPath): string[] {
  return schemasAt(schema, path)
    .map(unwrapped)
    .flatMap(options)
    .flatMap((each) => (each instanceof z.ZodObject ? Object.keys(each.def.shape) : []))
}

/**
 * Returns the Zod schemas for the value at `part`: a key of a mapping, or an index of a list. For a union, several
 * schemas can apply.
 */
export function childrenOf(schema: z.core.$ZodType, part: string | number): z.core.$ZodType[] {
  return options(schema).flatMap((each) => {
    if (each instanceof z.ZodObject)
      return typeof part === 'string' && Object.hasOwn(each.def.shape, part) ? [each.def.shape[part]!] : []
    if (each instanceof z.ZodRecord) return [each.def.valueType]
    return each instanceof z.ZodArray ? [each.def.element] : []
  })
}

function options(schema: z.core.$ZodType): z.core.$ZodType[] {
  return schema instanceof z.ZodUnion ? schema.def.options.map(unwrapped).flatMap(options) : [schema]
}

/** Yields the path and the Zod schema of every setting that has no sub-keys. */
export function* leavesOf(
  schema: z.core.$ZodType,
  path: readonly string[] = [],
): Generator<readonly [path: readonly string[], schema: z.core.$ZodType]> {
  const inner = unwrapped(schema)
  if (!(inner instanceof z.ZodObject)) {
    yield [path, inner]
    return
  }
  for (const [key, child] of Object.entries(inner.def.shape)) yield* leavesOf(child as z.core.$ZodType, [...path, key])
}
