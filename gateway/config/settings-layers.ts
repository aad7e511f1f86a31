import { dirname } from 'node:path'
import { otherKindProblem } from './document-kind.ts'
import { readVariables, type Variable } from './environment.ts'
import { readBytes } from './file-bytes.ts'
import { ConfigError, type DocumentPath, nowhere, type Place, problem } from './problem.ts'
import type { Environment } from './secret.ts'
import { readYaml } from './yaml-document.ts'

export interface SettingsSources {
  /** Path of the settings file (gatehouse.yaml); `undefined` when settings come only from the environment and flags. */
  readonly path: string | undefined
  readonly env: Environment
  /**
   * Settings from command-line flags, as a partial settings document. A member with the value `undefined` counts as not
   * set.
   */
  readonly flags: Readonly<Record<string, unknown>>
}

/** Settings from the command line, the environment and the file, merged and not yet validated. */
export interface SettingsLayers {
  readonly document: unknown
  /**
   * Returns where the setting at `path` is set: a position in the file, an environment variable or the command line.
   */
  locate(path: DocumentPath): Place
  /** Returns the folder against which a relative file path in the setting at `path` is resolved. */
  folderOf(path: DocumentPath): string
}

interface Layer {
  readonly document: unknown
  readonly folder: string
  locate(path: DocumentPath): Place
}

/**
 * Merges the settings sources key by key: flags override environment variables, which override the file. A list from a
 * higher source replaces the whole list of a lower source.
 *
 * @throws {ConfigError} when a source cannot be read
 */
export function readLayers({ path, env, flags }: SettingsSources): SettingsLayers {
  const file = path === undefined ? empty : fileLayer(path)
  const layers = [flagLayer(flags), environmentLayer(env), file]
  const layerOf = (path: DocumentPath) => layers.find(({ document }) => sets(document, path)) ?? file
  return {
    document: layers.reduceRight((below: unknown, { document }) => merge(below, document), {}),
    locate: (path) => layerOf(path).locate(path),
    folderOf: (path) => layerOf(path).folder,
  }
}

const mappingHint = 'write one setting on a line, such as `listen: 127.0.0.1:8080`'

const empty: Layer = { document: {}, folder: '', locate: () => nowhere }

function fileLayer(path: string): Layer {
  const { value, problems, locate } = readYaml(readBytes(path), path)
  if (problems.length > 0) throw new ConfigError(problems)
  if (value !== null && !isMapping(value)) {
    throw new ConfigError([
      problem('GH_CONFIG_VALUE', 'document must be a mapping of settings', [], locate([]), mappingHint),
    ])
  }
  const other = otherKindProblem(value, 'settings', locate([]))
  if (other !== undefined) throw new ConfigError([other])
  // Accept an empty settings file: it sets nothing.
  return { document: value ?? {}, folder: dirname(path), locate }
}

function environmentLayer(env: Environment): Layer {
  const { variables, problems } = readVariables(env)
  if (problems.length > 0) throw new ConfigError(problems)
  const variableAt = (path: DocumentPath) =>
    variables.find((variable) => variable.path.every((key, i) => path[i] === key))
  return {
    document: variables.reduce((document: unknown, variable) => merge(document, nest(variable)), {}),
    folder: '',
    locate: (path) => ({ ...nowhere, file: variableAt(path)?.name }),
  }
}

function flagLayer(flags: Readonly<Record<string, unknown>>): Layer {
  return { document: flags, folder: '', locate: () => ({ ...nowhere, file: 'command line' }) }
}

function nest({ path, value }: Variable): unknown {
  return path.reduceRight((inner: unknown, key) => ({ [key]: inner }), value)
}

function merge(below: unknown, above: unknown): unknown {
  if (above === undefined) return below
  if (!isMapping(below) || !isMapping(above)) return above
  const merged = { ...below }
  for (const [key, value] of Object.entries(above)) {
    if (value !== undefined) merged[key] = merge(Object.hasOwn(below, key) ? below[key] : undefined, value)
  }
  return merged
}

/**
 * Whether a source determines the setting at `path`: it has a value there, or at a parent of `path` a text or list,
 * which leaves no room for the setting.
 */
function sets(document: unknown, path: DocumentPath): boolean {
  let value = document
  for (const part of path) {
    if (!isMapping(value)) return value !== undefined
    if (!Object.hasOwn(value, part)) return false
    value = value[part]
  }
  return value !== undefined
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
