import type { z } from 'zod'
import type { DocumentPath, Problem, ProblemCode } from './problem.ts'
import { type Environment, readSecret, type SecretReference } from './secret.ts'

/** Inputs and results that all parts of the settings schema share while one document is validated. */
export interface SettingsContext {
  readonly env: Environment
  /** Warnings to log at start. */
  readonly warnings: string[]
  /** Problems outside the document, such as in a variable of OpenTelemetry. */
  readonly problems: Problem[]
}

/** Returns the context of a schema that only describes the document and validates none. */
export function emptyContext(): SettingsContext {
  return { env: {}, warnings: [], problems: [] }
}

/** One problem that a settings schema finds by code. */
export interface SettingProblem {
  readonly code: ProblemCode
  readonly message: string
  /** Path of the setting, relative to the schema that is validated. */
  readonly path: DocumentPath
  readonly hint?: string
  /** Path whose position is reported, from the root of the document. Default: the path of the setting. */
  readonly locatedAt?: DocumentPath
}

/**
 * Adds a problem. The caller must still return a value of the right type: validation continues, so that all problems are
 * reported at once.
 */
export function addProblem(ctx: z.RefinementCtx, { code, message, path, hint, locatedAt }: SettingProblem): void {
  const params = { code, hint, locatedAt, hasValue: true }
  ctx.issues.push({ code: 'custom', message, path: [...path], params, input: undefined, continue: true })
}

/** Whether all values below have the type of their schema. False after any problem that `addProblem` did not add. */
export function hasAllValues(ctx: z.RefinementCtx): boolean {
  return ctx.issues.every((issue) => issue.code === 'custom' && issue.params?.['hasValue'] === true)
}

/** Reads a secret. A failure is added to `ctx` and results in `undefined`. */
export function settingSecret(
  reference: SecretReference | undefined,
  path: DocumentPath,
  ctx: z.RefinementCtx,
  { env, warnings }: SettingsContext,
): string | undefined {
  if (reference === undefined) return undefined
  // File names in a settings document are absolute before it is validated.
  const { secret, failure, warning } = readSecret(reference, env, '')
  if (warning !== undefined) warnings.push(warning)
  if (failure !== undefined) addProblem(ctx, { code: 'GH_CONFIG_SECRET', message: failure, path })
  return secret
}
