/** Result of one run of Vitest, in numbers of tests. */
export interface TestResult {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Test files in which a test or a hook failed, or that could not be loaded. */
  readonly files: readonly FailedFile[]
  /** Messages of errors outside test files. With one of them the run fails. */
  readonly unhandled: readonly string[]
}

export interface FailedFile {
  /** Relative to the root of the checkout. */
  readonly path: string
  /** Vitest project: `unit`, `integration` or `cluster`. */
  readonly project: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly failures: readonly {
    readonly test: string
    /** Line of the assertion or of the code that threw the error. */
    readonly line: number | undefined
    readonly message: string
  }[]
}

/** Maximum number of failed files that are run a second time. More failures have a common cause. */
const FILES_MAX = 10

/**
 * Returns the paths of the test files to run a second time. Returns an empty list when a second run cannot make the
 * result good: a unit test failed, an error occurred outside test files, or too many files failed.
 */
export function filesToRepeat({ files, unhandled }: TestResult): readonly string[] {
  if (unhandled.length > 0 || files.length > FILES_MAX || files.some(({ project }) => project === 'unit')) return []
  return files.map(({ path }) => path)
}

/** Adds the results of the second run in place of those of the repeated files. */
export function withSecondRun(first: TestResult, second: TestResult): TestResult {
  const sum = (count: 'passed' | 'failed' | 'skipped') =>
    first.files.reduce((total, file) => total - file[count], first[count] + second[count])
  return {
    passed: sum('passed'),
    failed: sum('failed'),
    skipped: sum('skipped'),
    files: second.files,
    unhandled: second.unhandled,
  }
}

/** Prints the files that passed only in the second run, each with its failures in the first run. */
export function unstableText(first: TestResult, second: TestResult): string {
  const failedTwice = new Set(second.files.map(({ path }) => path))
  const unstable = first.files.filter(({ path }) => !failedTwice.has(path))
  if (unstable.length === 0) return ''
  const lines = unstable.flatMap(({ path, failures }) =>
    failures.flatMap(({ test, line, message }) => [
      `  ${path}${line === undefined ? '' : `:${line}`} > ${test}`,
      `    ${message}`,
    ]),
  )
  return [`Unstable: ${unstable.length} passed in the second run only. Find the cause of each:`, ...lines, ''].join(
    '\n',
  )
}

/** Prints the numbers of tests in the form of Vitest's summary. */
export function summaryText({ passed, failed, skipped }: TestResult): string {
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    `${passed} passed`,
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ]
  return `      Tests  ${parts.join(' | ')} (${passed + failed + skipped})`
}
