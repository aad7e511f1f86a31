import { resolve } from 'node:path'
import { z } from 'zod'
import type { DocumentPath } from './problem.ts'
import { childrenOf, unwrapped } from './schema-walk.ts'

/**
 * Schema of the path of a file or folder. A relative path in a document is resolved against the folder of the document;
 * a relative path from another source, such as an environment variable, against the working directory.
 */
export const filePath = z.string().min(1).meta({ form: 'path' })

/**
 * Returns the document with absolute file paths. Every text whose schema is `filePath` is resolved against the folder
 * of the source that sets it. All other values are returned unchanged, whether valid or invalid.
 */
export function absolutePaths(
  schema: z.core.$ZodType,
  document: unknown,
  folderOf: (path: DocumentPath) => string,
): unknown {
  return absolute([unwrapped(schema)], document, [], folderOf)
}

function absolute(
  schemas: readonly z.core.$ZodType[],
  value: unknown,
  path: DocumentPath,
  folderOf: (path: DocumentPath) => string,
): unknown {
  if (schemas.length === 0) return value
  if (typeof value === 'string')
    return value !== '' && schemas.some(isFilePath) ? resolve(folderOf(path), value) : value
  if (typeof value !== 'object' || value === null) return value
  const child = (part: string | number, inner: unknown) => {
    const children = schemas.flatMap((schema) => childrenOf(schema, part)).map(unwrapped)
    return absolute(children, inner, [...path, part], folderOf)
  }
  if (Array.isArray(value)) return value.map((item, i) => child(i, item))
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, child(key, inner)]))
}

function isFilePath(schema: z.core.$ZodType): boolean {
  return z.globalRegistry.get(schema)?.['form'] === 'path'
}
