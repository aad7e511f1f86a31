import { writeFileSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule } from 'vitest/node'
import type { FailedFile, TestResult } from './test-result.ts'

/**
 * Environment variable with the path of the file for the {@link TestResult} of a run. Its name must not begin with
 * GATEHOUSE_: the nodes that tests start inherit it, and refuse unknown settings.
 */
export const RESULT_VARIABLE = 'TEST_RESULT_FILE'

/** Writes the {@link TestResult} of a run to the file that the environment variable names. */
export class ResultReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const path = process.env[RESULT_VARIABLE]
    if (path !== undefined) writeFileSync(path, JSON.stringify(resultOf(modules, unhandled)))
  }
}

function resultOf(modules: readonly TestModule[], unhandled: readonly SerializedError[]): TestResult {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const module of modules) add(counts, module)
  const failed = modules.filter((module) => !module.ok()).map(failedFile)
  return { ...counts, files: failed, unhandled: unhandled.map(({ message }) => String(message)) }
}

function add(counts: Record<'passed' | 'failed' | 'skipped', number>, module: TestModule): void {
  for (const test of module.children.allTests()) {
    const { state } = test.result()
    if (state !== 'pending') counts[state]++
  }
}

function failedFile(module: TestModule): FailedFile {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  add(counts, module)
  const failures = [...module.children.allTests('failed')].map((test) => {
    const error = test.result().errors?.[0]
    return { test: test.fullName, line: error?.stacks?.[0]?.line, message: error?.message ?? 'no error was recorded' }
  })
  const outside = module.errors().map(({ message }) => ({ test: 'outside its tests', line: undefined, message }))
  return { path: module.relativeModuleId, project: module.project.name, ...counts, failures: [...failures, ...outside] }
}
