import type { Problem } from '../config/problem.ts'

/** Result of the check of one policy, or of one settings file. */
export interface Checked {
  readonly path: string
  readonly valid: boolean
  readonly services: number
  readonly routes: number
  readonly revision: string | null
  readonly problems: readonly Problem[]
  /**
   * Warnings about the policy or the settings. With `--strict` this list is empty, and `problems` contains the
   * warnings.
   */
  readonly warnings: readonly Problem[]
  /**
   * Results of policy tests, one for each file of `--tests`. Absent without this flag, and when the policy or a file is
   * invalid.
   */
  readonly tests?: readonly TestsChecked[]
}

/** Result of the policy tests of one file: number of tests that ran, and of those that failed. */
export interface TestsChecked {
  readonly file: string
  readonly run: number
  readonly failed: number
}
