import { resolve } from 'node:path'
import { type Problem, problem } from './problem.ts'
import type { SettingsLayers } from './settings-layers.ts'
import { type SinkEntry, sinkFile } from './sinks/sink-kinds.ts'
import type { SinkOrigin } from './sinks/sink-resources.ts'

/**
 * Settings of one audit sink, a destination of the audit log. Only the worker that ships to the sink reads the secrets
 * in these settings; a node does not need them.
 */
export interface SinkSettings extends SinkOrigin {
  readonly entry: SinkEntry
}

/** Reads the `audit.sinks` settings. Every error is added to `problems`. */
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
            `must not be the file of sink ${other}: each file sink needs its own file`,
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
