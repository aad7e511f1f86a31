import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export const checkout = join(import.meta.dirname, '../..')

/** Programs and preloaded modules that tests start, by name. Paths are relative to the checkout. */
export const programs = {
  gatehouse: 'gateway/cli/gatehouse.mjs',
  worker: 'workers/main.ts',
  'checked-phases': 'test/kit/checked-phases.ts',
  'redis-deadline': 'test/kit/redis-deadline.ts',
  'busy-loop': 'test/kit/busy-loop.ts',
  'session-process': 'test/kit/session-process.ts',
  'node-without-phase': 'test/kit/node-without-phase.ts',
  'program-host': 'test/kit/program-host.ts',
  bench: 'bench/main.ts',
} as const

/**
 * Node flags of nodes and workers under test. With 16 MiB per half of the young generation from the start, no garbage
 * collection runs while a node starts, which takes a twentieth of the CPU time of the start.
 */
export const heapFlags: readonly string[] = ['--min-semi-space-size=16']

/**
 * Environment variable with the folder of the bundle. Without it, programs start from their sources. The name does not
 * begin with GATEHOUSE_, because a node rejects unknown variables with that prefix.
 */
export const buildVariable = 'TEST_PROGRAMS_FOLDER'

type ProgramName = keyof typeof programs

/** Path of a program: in the bundle of this test run, or the source if the run has no bundle. */
export function programPath(name: ProgramName): string {
  const build = process.env[buildVariable]
  return build === undefined ? join(checkout, programs[name]) : join(build, `${name}.mjs`)
}

export function programUrl(name: ProgramName): string {
  return pathToFileURL(programPath(name)).href
}
