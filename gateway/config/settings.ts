import type { z } from 'zod'
import type { Expiry } from '../base/expiries.ts'
import { unknownVariables } from './environment.ts'
import { absolutePaths } from './file-path.ts'
import { variablesInPolicy } from './policy-files.ts'
import { ConfigError, type Problem } from './problem.ts'
import { readSinks, type SinkSettings } from './read-sinks.ts'
import { schemaProblems } from './schema-problems.ts'
import { type Environment, referredVariables } from './secret.ts'
import { contextOf, type KeyOrigin, type SettingSecret } from './settings-context.ts'
import { readLayers, type SettingsLayers, type SettingsSources } from './settings-layers.ts'
import { settingsSchema, settingsSchemaFor } from './settings-schema.ts'
import { statedExpiries } from './stated-expiry.ts'

type ValidatedSettings = Readonly<z.output<ReturnType<typeof settingsSchemaFor>>>

/** Settings of one node or worker. Durations are in ms, sizes in bytes, and paths are absolute. */
export interface Settings extends Omit<ValidatedSettings, 'audit'> {
  readonly audit: Readonly<Omit<ValidatedSettings['audit'], 'sinks'>>
  /** Audit sinks: destinations to which workers ship the audit log. */
  readonly sinks: readonly SinkSettings[]
  /** Expiry dates of secrets and keys, as `expires` in the settings states them. */
  readonly secretExpiries: readonly Expiry[]
  /** Warnings about the settings that the process logs when it starts. */
  readonly warnings: readonly string[]
}

/** Settings with everything that a later reload of the settings needs. */
export interface LoadedSettings {
  readonly settings: Settings
  /** The settings document as written, but with absolute paths. It contains references to secrets, but no secrets. */
  readonly document: unknown
  readonly layers: SettingsLayers
  readonly sources: SettingsSources
  readonly secrets: readonly SettingSecret[]
  readonly keySources: readonly KeyOrigin[]
  /** Paths of key files and key folders, which a reload watches for changes. */
  readonly keyFiles: readonly string[]
}

/**
 * Reads the settings of a node or worker. Flags override environment variables, which override the file. Relative paths
 * in the file are resolved against its folder, all other relative paths against the working directory.
 *
 * @throws {ConfigError} with the errors of all sources, at most 100
 */
export function loadSettings(sources: SettingsSources): Settings {
  return readSettings(sources).settings
}

/**
 * Reads the settings like {@link loadSettings}.
 *
 * @throws {ConfigError} with the errors of all sources, at most 100
 */
export function readSettings(sources: SettingsSources): LoadedSettings {
  return readSettingLayers(readLayers(sources), sources, variableProblems)
}

/**
 * Reads the settings again in a running process. Reports no unknown environment variables: the environment of a process
 * does not change, and a variable that the start accepted stays accepted when the policy no longer names it.
 *
 * @throws {ConfigError} with the errors of all sources, at most 100
 */
export function readSettingsAgain(sources: SettingsSources): LoadedSettings {
  return readSettingLayers(readLayers(sources), sources)
}

/**
 * Validates settings documents that are already read, and reads the secrets and certificates that they refer to.
 *
 * @param unknownIn  finds unknown environment variables. Default: looks for none
 * @throws {ConfigError} with all errors, at most 100
 */
export function readSettingLayers(
  layers: SettingsLayers,
  sources: SettingsSources,
  unknownIn: typeof variableProblems = () => [],
): LoadedSettings {
  const { env } = sources
  const document = absolutePaths(settingsSchema, layers.document, layers.folderOf)
  const context = contextOf(env)
  const { data, error } = settingsSchemaFor(context).safeParse(document)
  const shape = error === undefined ? [] : schemaProblems(settingsSchema, document, error.issues, layers.locate)
  const unknown = unknownIn(env, document)
  // Only warn about unknown variables with a policy of the cluster: a later revision may name such a variable as a
  // secret.
  const isAccepted = data?.policy.source === 'cluster'
  if (isAccepted) context.warnings.push(...unknown.map(warningOf))
  const problems = [...shape, ...context.problems, ...(isAccepted ? [] : unknown)]
  if (data === undefined) throw new ConfigError(sources.path === undefined ? problems.map(withoutFile) : problems)
  const { sinks: sinkEntries, ...audit } = data.audit
  const sinks = readSinks(sinkEntries, layers, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  const { warnings, secrets, keySources, keyFiles } = context
  const settings = { ...data, audit, sinks, secretExpiries: statedExpiries(document), warnings }
  return { settings, document, layers, sources, secrets, keySources, keyFiles }
}

/** Without a settings file, the usual cause of a missing policy is that the operator has not named the file. */
function withoutFile(found: Problem): Problem {
  if (found.code !== 'GH_CONFIG_MISSING' || !/^policy(?:\.path)?$/.test(found.path)) return found
  return { ...found, hint: 'name the settings file with --config FILE, or the policy with --policy PATH' }
}

function warningOf({ message, hint }: Problem): string {
  return `${message}: no setting and no secret of policy.seed has this name${hint === undefined ? '' : `; ${hint}`}`
}

/**
 * Reports environment variables that start with `GATEHOUSE_` but belong to no setting. The variable can contain a
 * secret of the policy, so the policy is read if there are such variables. Errors in the policy are ignored here,
 * because they are reported when the policy is loaded.
 */
function variableProblems(env: Environment, document: unknown): Problem[] {
  const named = referredVariables(document)
  const problems = unknownVariables(env, named)
  const { policy } = document as { readonly policy?: { readonly path?: unknown; readonly seed?: unknown } }
  const path = policy?.path ?? policy?.seed
  if (problems.length === 0 || typeof path !== 'string' || path === '') return problems
  const names = problems.flatMap(({ file }) => file ?? [])
  return unknownVariables(env, new Set([...named, ...variablesInPolicy(path, names)]))
}
