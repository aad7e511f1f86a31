import { z } from 'zod'
import { type DocumentPath, formatPath } from './problem.ts'
import { childrenOf, unwrapped } from './schema-walk.ts'
import { settingsSchema } from './settings-schema.ts'

/** Names of settings that differ between two documents, by the time at which a change takes effect. */
export interface ChangedSettings {
  /** Changed settings that a reload applies. */
  readonly live: readonly string[]
  /** Changed settings that take effect at the next start. */
  readonly restart: readonly string[]
}

/** Compares two settings documents key by key. The result contains names, and no values. */
export function changedSettings(before: unknown, after: unknown): ChangedSettings {
  const live = new Set<string>()
  const restart = new Set<string>()
  compare([unwrapped(settingsSchema)], [settingsSchema], before, after, [], (path, reload) =>
    (reload === 'live' ? live : restart).add(formatPath(path)),
  )
  return { live: [...live], restart: [...restart] }
}

type Reload = 'live' | 'restart'

/**
 * @param schemas  schemas of the value without their wrappers, such as defaults
 * @param wrapped  the same schemas with their wrappers, which have the metadata
 */
function compare(
  schemas: readonly z.core.$ZodType[],
  wrapped: readonly z.core.$ZodType[],
  before: unknown,
  after: unknown,
  path: DocumentPath,
  report: (path: DocumentPath, reload: Reload) => void,
): void {
  if (JSON.stringify(before) === JSON.stringify(after)) return
  const stated = wrapped.map(reloadOf).find((each) => each !== undefined)
  // A mapping is compared key by key, unless the mapping itself states when a change takes effect.
  if (stated === undefined && (isMapping(before) || isMapping(after))) {
    const [old, next] = [mappingOf(before), mappingOf(after)]
    for (const key of new Set([...Object.keys(old), ...Object.keys(next)])) {
      const children = schemas.flatMap((schema) => childrenOf(schema, key))
      compare(children.map(unwrapped), children, old[key], next[key], [...path, key], report)
    }
    return
  }
  report(path, stated ?? 'restart')
}

/** Reads `reload` of the metadata of a schema, or of a schema that it wraps. */
function reloadOf(schema: z.core.$ZodType): Reload | undefined {
  let inner: z.core.$ZodType | undefined = schema
  while (inner !== undefined) {
    const reload = z.globalRegistry.get(inner)?.['reload'] as Reload | undefined
    if (reload !== undefined) return reload
    const { innerType, in: input } = inner._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType }
    inner = innerType ?? input
  }
  return undefined
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mappingOf(value: unknown): Readonly<Record<string, unknown>> {
  return isMapping(value) ? value : {}
}
