import type { z } from 'zod'
import { unknownVariables } from './environment.ts'
import { absolutePaths } from './file-path.ts'
import { variablesInPolicy } from './policy-files.ts'
import { ConfigError, type Problem } from './problem.ts'
import { readSinks, type SinkSettings } from './read-sinks.ts'
import { schemaProblems } from './schema-problems.ts'
import { type Environment, referredVariables } from './secret.ts'
import type { SettingsContext } from './settings-context.ts'
import { readLayers, type SettingsSources } from './settings-layers.ts'
import { settingsSchema, settingsSchemaFor } from './settings-schema.ts'

type ValidatedSettings = Readonly<z.output<ReturnType<typeof settingsSchemaFor>>>

/** Settings of one node or worker. Durations in ms, sizes in bytes, paths absolute. */
export interface Settings extends Omit<ValidatedSettings, 'audit'> {
  readonly audit: Readonly<Omit<ValidatedSettings['audit'], 'sinks'>>
  /** Sinks to which workers ship the audit log. */
  readonly sinks: readonly SinkSettings[]
  /** Warnings to log at start. */
  readonly warnings: readonly string[]
}

/**
 * Reads the node's settings. Flags override the environment, which overrides the file. Paths in the file are relative
 * to its folder, other paths to the working directory.
 *
 * @throws {ConfigError} with all errors of all sources
 */
export function loadSettings(sources: SettingsSources): Settings {
  const layers = readLayers(sources)
  const document = absolutePaths(settingsSchema, layers.document, layers.folderOf)
  const context: SettingsContext = { env: sources.env, warnings: [], problems: [] }
  const { data, error } = settingsSchemaFor(context).safeParse(document)
  const shape = error === undefined ? [] : schemaProblems(settingsSchema, document, error.issues, layers.locate)
  const problems = [...shape, ...context.problems, ...variableProblems(sources.env, document)]
  if (data === undefined) throw new ConfigError(problems)
  const { sinks: sinkEntries, ...audit } = data.audit
  const sinks = readSinks(sinkEntries, layers, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  return { ...data, audit, sinks, warnings: context.warnings }
}

/**
 * Reports environment variables that no setting uses. The policy may refer to such variables, so it is read when there
 * is one to explain. Errors in the policy are reported when it is loaded.
 */
function variableProblems(env: Environment, document: unknown): Problem[] {
  const named = referredVariables(document)
  const problems = unknownVariables(env, named)
  const path = (document as { readonly policy?: { readonly path?: unknown } }).policy?.path
  if (problems.length === 0 || typeof path !== 'string' || path === '') return problems
  return unknownVariables(env, new Set([...named, ...variablesInPolicy(path)]))
}
