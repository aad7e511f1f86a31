import { resolve } from 'node:path'
import { type Place, type Problem, problem } from './problem.ts'
import type { SettingsLayers } from './settings-layers.ts'
import type { SinkEntry } from './sink-entry.ts'

/** One destination of the audit log. The worker that ships to it reads its secrets; a node does not need them. */
export interface SinkSettings {
  readonly name: string
  readonly entry: SinkEntry
  /** Base folder of its relative paths. */
  readonly folder: string
  readonly place: Place
}

/** Reads the `audit.sinks` settings. Errors are added to `problems`. */
export function readSinks(
  entries: Readonly<Record<string, SinkEntry>>,
  { folderOf, locate }: SettingsLayers,
  problems: Problem[],
): SinkSettings[] {
  const files = new Map<string, string>()
  return Object.entries(entries).map(([name, entry]) => {
    const path = ['audit', 'sinks', name]
    const folder = folderOf(path)
    if (entry.type === 'file') {
      const file = resolve(folder, entry.path)
      const other = files.get(file)
      if (other !== undefined) {
        const at = [...path, 'path']
        problems.push(problem('GH_CONFIG_VALUE', `is the file of ${other} already`, at, locate(at)))
      }
      files.set(file, name)
    }
    return { name, entry, folder, place: locate(path) }
  })
}
