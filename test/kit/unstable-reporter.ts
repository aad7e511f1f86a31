import type { Reporter, TestCase, TestModule } from 'vitest/node'

/**
 * Lists the tests that passed only at the second attempt, each with the error of the first attempt. Such a test is a
 * defect of the test or of the product, and the run still passes (`docs/design/decisions`, "Repeat a failed process
 * test once").
 */
export class UnstableReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const unstable = modules.flatMap((module) =>
      [...module.children.allTests()].filter((test) => test.diagnostic()?.flaky),
    )
    if (unstable.length === 0) return
    console.log(`\nUnstable: ${unstable.length} passed at the second attempt only. Find the cause of each:`)
    for (const test of unstable) console.log(lines(test))
  }
}

function lines(test: TestCase): string {
  const error = test.result().errors?.[0]
  const at = error?.stacks?.[0]
  const place = at === undefined ? test.module.relativeModuleId : `${test.module.relativeModuleId}:${at.line}`
  return `  ${place} > ${test.fullName}\n    ${error?.message ?? 'no error was recorded'}`
}
