import type { TestProject } from 'vitest/node'
import { buildPrograms } from './program-build.ts'
import { warmUpPrograms } from './program-warmup.ts'
import { buildVariable } from './programs.ts'

/**
 * Bundles the programs before the first test, and again before a repeated run of the watch mode. The processes of the
 * tests inherit the environment variable. `TEST_FROM_SOURCES=1` starts all programs from their sources.
 */
export async function setup(project: TestProject): Promise<void> {
  if (process.env['TEST_FROM_SOURCES'] === '1') return
  const build = async () => {
    const { folder, isNew } = await buildPrograms()
    process.env[buildVariable] = folder
    if (isNew) await warmUpPrograms()
  }
  await build()
  project.onTestsRerun(build)
}
