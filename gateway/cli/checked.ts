import type { Problem } from '../config/problem.ts'

/** Result of the check of one policy, or of one settings file. */
export interface Checked {
  readonly path: string
  readonly valid: boolean
  readonly services: number
  readonly routes: number
  readonly revision: string | null
  readonly problems: readonly Problem[]
  /** Warnings. With `--strict`, `problems` contains the warnings instead. */
  readonly warnings: readonly Problem[]
  /** Results of `--tests`, one for each file; absent without this flag, and when the policy or a file is invalid. */
  readonly tests?: readonly TestsChecked[]
}

/** Number of tests that were run, and of tests that failed. */
export interface TestsChecked {
  readonly file: string
  readonly run: number
  readonly failed: number
}
