import { z } from 'zod'
import { type DocumentPath, formatPath } from './problem.ts'
import { childrenOf, unwrapped } from './schema-walk.ts'
import { settingsSchema } from './settings-schema.ts'

/** Names of settings that differ between two documents, by the time at which a change takes effect. */
export interface ChangedSettings {
  /** Names of changed settings that a reload (SIGHUP) applies. */
  readonly live: readonly string[]
  /** Names of changed settings that take effect at the next start of the process. */
  readonly restart: readonly string[]
}

/**
 * Compares two settings documents key by key. The result contains the names of changed settings, but no values, which
 * can be secrets.
 */
export function changedSettings(before: unknown, after: unknown): ChangedSettings {
  const live = new Set<string>()
  const restart = new Set<string>()
  const report: Report = (path, reload) => (reload === 'live' ? live : restart).add(formatPath(path))
  compare({ schemas: [settingsSchema], path: [], inherited: undefined, report }, before, after)
  return { live: [...live], restart: [...restart] }
}

type Reload = 'live' | 'restart'
type Report = (path: DocumentPath, reload: Reload) => void

interface Compared {
  /**
   * Schemas of the setting's value, including schemas that wrap another schema, because the metadata is on the wrapper.
   */
  readonly schemas: readonly z.core.$ZodType[]
  readonly path: DocumentPath
  /**
   * Metadata `reload` of the nearest enclosing mapping of the setting that has it; `undefined`: no enclosing mapping
   * has it.
   */
  readonly inherited: Reload | undefined
  readonly report: Report
}

function compare({ schemas, path, inherited, report }: Compared, before: unknown, after: unknown): void {
  if (JSON.stringify(before) === JSON.stringify(after)) return
  const stated = schemas.map(reloadOf).find((each) => each !== undefined) ?? inherited
  // Compare mappings of settings key by key. But a mapping that is added or removed as a whole is one change if its
  // schema has the metadata `reload`.
  const isOneChange =
    stated === undefined ? !isMapping(before) && !isMapping(after) : !(isMapping(before) && isMapping(after))
  if (isOneChange) {
    report(path, stated ?? 'restart')
    return
  }
  const [old, next] = [mappingOf(before), mappingOf(after)]
  for (const key of new Set([...Object.keys(old), ...Object.keys(next)])) {
    const children = schemas.flatMap((schema) => childrenOf(unwrapped(schema), key))
    compare({ schemas: children, path: [...path, key], inherited: stated, report }, old[key], next[key])
  }
}

/** Returns `reload` from the metadata of a schema, or of a schema inside it; `undefined` when none has it. */
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
