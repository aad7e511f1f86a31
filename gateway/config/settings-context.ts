import type { z } from 'zod'
import type { SecretPlace } from '../base/secret.ts'
import type { KeyKind } from './key-kinds.ts'
import type { SecretUse } from './open-secret.ts'
import type { DocumentPath, Problem, ProblemCode } from './problem.ts'
import { type Environment, readCertificates, readSecret, type SecretReference } from './secret.ts'

/** Inputs and results that all parts of the settings schema share during the validation of one document. */
export interface SettingsContext {
  readonly env: Environment
  /** Warnings about the settings that the process logs when it starts. */
  readonly warnings: string[]
  /** Problems that are not in the settings document, such as an invalid OpenTelemetry variable. */
  readonly problems: Problem[]
  /** Secrets, other than keys, that the settings refer to. */
  readonly secrets: SettingSecret[]
  readonly keySources: KeyOrigin[]
  /** Paths of key files and key folders, which a reload watches for changes. */
  readonly keyFiles: string[]
}

/** A secret of the settings, except keys. While the process runs, its value is read again when its file changes. */
export interface SettingSecret {
  readonly place: SecretPlace
  readonly use: SecretUse
}

/** Source of a key (file or variable) and its place in the settings. */
export interface KeyOrigin {
  readonly kind: KeyKind
  readonly id: string
  /** Source of the key: `file PATH` or `env NAME`. */
  readonly source: string
}

export function contextOf(env: Environment): SettingsContext {
  return { env, warnings: [], problems: [], secrets: [], keySources: [], keyFiles: [] }
}

/**
 * Returns the context for a schema that describes settings, for example for the JSON Schema, and validates no document.
 */
export function emptyContext(): SettingsContext {
  return contextOf({})
}

/** One problem that Gatehouse's own code in a settings schema finds. Zod finds other problems by itself. */
export interface SettingProblem {
  readonly code: ProblemCode
  readonly message: string
  /** Path of the invalid setting, relative to the schema that is validated. */
  readonly path: DocumentPath
  readonly hint?: string
  /**
   * Path of another setting, from the root of the document, whose position in the file is reported. Default: the
   * position of the invalid setting.
   */
  readonly locatedAt?: DocumentPath
}

/**
 * Adds a problem to the validation of a document. The caller must still return a value of the right type: validation
 * continues, so that all problems are reported together.
 */
export function addProblem(ctx: z.RefinementCtx, { code, message, path, hint, locatedAt }: SettingProblem): void {
  const params = { code, hint, locatedAt, hasValue: true }
  ctx.issues.push({ code: 'custom', message, path: [...path], params, input: undefined, continue: true })
}

/**
 * True when every value in the validated part has the type of its schema. Any problem that `addProblem` did not add
 * makes the result false.
 */
export function hasAllValues(ctx: z.RefinementCtx): boolean {
  return ctx.issues.every((issue) => issue.code === 'custom' && issue.params?.['hasValue'] === true)
}

/**
 * Reads a certificate file that a setting names. When this fails, a problem is added to `ctx` and the result is
 * `undefined`.
 *
 * @param use  use of the file; its `check` must find what is wrong with an invalid file
 */
export function settingCertificates(
  file: string | undefined,
  path: DocumentPath,
  ctx: z.RefinementCtx,
  { env, secrets }: SettingsContext,
  use: SecretUse,
): string | undefined {
  if (file === undefined) return undefined
  const place = { file }
  const { secret, failure } = readCertificates(place, env)
  secrets.push({ place, use })
  const problem = secret === undefined ? undefined : use.check?.(secret)
  if (failure !== undefined) addProblem(ctx, { code: 'GH_CONFIG_UNREADABLE', message: failure, path })
  else if (problem !== undefined) addProblem(ctx, { code: 'GH_CONFIG_VALUE', message: `${file} ${problem}`, path })
  return failure === undefined && problem === undefined ? secret : undefined
}

/**
 * Reads a secret that a setting refers to. When this fails, a problem is added to `ctx` and the result is `undefined`.
 *
 * @param use  use of the secret, which is then read again when its file changes; `undefined` for a key, which
 *   `SettingsReload` reads again
 */
export function settingSecret(
  reference: SecretReference | undefined,
  path: DocumentPath,
  ctx: z.RefinementCtx,
  { env, warnings, secrets }: SettingsContext,
  use?: SecretUse,
): string | undefined {
  if (reference === undefined) return undefined
  // Pass an empty base folder, because all file paths in a settings document are made absolute before its validation.
  const { secret, failure, warning } = readSecret(reference, env, '')
  if (warning !== undefined) warnings.push(warning)
  // Pass no folder: the path of the secret's file is already absolute.
  const place = reference.env === undefined ? { file: reference.file! } : { env: reference.env }
  if (use !== undefined) secrets.push({ place, use })
  if (failure !== undefined) addProblem(ctx, { code: 'GH_CONFIG_SECRET', message: failure, path })
  return secret
}
