import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchRecord } from '../report/record.ts'

/** A benchmark run that is stored as a JSON file in bench/results. */
export interface Kept {
  /** Name of the JSON file, without its folder. */
  readonly file: string
  readonly record: BenchRecord
}

/** Reads all stored runs of a folder, newest first, without the runs that used `--quick`. */
export function keptRuns(folder: string): Kept[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  const runs = files.map((file): Kept => ({ file, record: JSON.parse(readFileSync(join(folder, file), 'utf8')) }))
  return runs.filter(({ record }) => !record.quick).sort((a, b) => (a.record.at < b.record.at ? 1 : -1))
}

/**
 * Returns the newest stored run of this kind in which no scenario failed. @throws {Error} when no such run is stored
 */
export function newest(runs: readonly Kept[], kind: string): Kept {
  const whole = ({ record }: Kept) => record.findings.every(({ broken }) => broken.length === 0)
  const run = runs.find((each) => each.record.kind === kind && whole(each))
  if (run === undefined) throw new Error(`no run of "${kind}" is stored: npm run bench -- ${kind}`)
  return run
}

/** Returns a Markdown sentence with the date, commit and machine of a run, and a link to its JSON file. */
export function provenance({ file, record }: Kept, toResults: string): string {
  const { machine, commit, at, load_before: load } = record
  const busy = load > machine.cores ? `; the machine was busy with something else (load ${Math.round(load)})` : ''
  const of = commit === undefined ? '' : `, commit ${commit.id}${commit.changed ? ' with changes' : ''}`
  const [cpu, node] = [machine.cpu.trim(), machine.node.replace(/^v/, '')]
  return `*${at.slice(0, 10)}${of}; ${cpu}, ${machine.cores} cores, Node ${node}, all on loopback${busy}. From [${file}](${toResults}${file}).*`
}
