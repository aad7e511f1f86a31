import { resolve } from 'node:path'
import { type Problem, problem } from './problem.ts'
import type { SettingsLayers } from './settings-layers.ts'
import { type SinkEntry, sinkFile } from './sinks/sink-kinds.ts'
import type { SinkOrigin } from './sinks/sink-resources.ts'

/** One destination of the audit log. The worker that ships to it reads its secrets; a node does not need them. */
export interface SinkSettings extends SinkOrigin {
  readonly entry: SinkEntry
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
    const written = sinkFile(entry)
    if (written !== undefined) {
      const file = resolve(folder, written)
      const other = files.get(file)
      if (other !== undefined) {
        const at = [...path, 'path']
        problems.push(
          problem(
            'GH_CONFIG_VALUE',
            `is already the file of sink ${other}; each file sink needs its own file`,
            at,
            locate(at),
          ),
        )
      }
      files.set(file, name)
    }
    return { name, entry, folder, place: locate(path) }
  })
}
