import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import { attemptAll } from '../config/problem.ts'
import type { EmailList } from './email-list.ts'

/**
 * Time between two checks of the files of e-mail lists for changes, ms. A change takes effect after at most two checks.
 */
const POLL_MS = 500

type Log = (level: 'info' | 'error', message: string, fields: Readonly<Record<string, unknown>>) => void

/** The lists of e-mail addresses that the policy in force names. They take over changes of their files. */
export class EmailLists {
  readonly #log: Log
  readonly #watch = new Supervisor('policy-watch')
  /** Lists of e-mail addresses that the policy in force names. @bound policy */
  #lists: readonly EmailList[] = []
  #isWatching = false

  constructor(log: Log) {
    this.#log = log
  }

  /**
   * Prepares the e-mail lists that a policy names.
   *
   * @throws {ConfigError} when a file is missing or invalid
   */
  prepare(lists: readonly EmailList[]): Commit {
    attemptAll(lists.map((list) => () => list.open()))
    return () => {
      this.#lists = lists
      if (lists.length === 0 || this.#isWatching) return
      this.#isWatching = true
      this.#watch.repeat(POLL_MS, () => this.#poll())
    }
  }

  #poll(): void {
    for (const list of this.#lists) {
      const change = list.poll()
      if (change.kind === 'changed') {
        this.#log('info', 'list of e-mail addresses changed; the new list is in use', {
          file: list.file,
          addresses: change.count,
        })
      } else if (change.kind === 'rejected') {
        const message = 'list of e-mail addresses rejected; the last valid list stays in use'
        this.#log('error', message, { file: list.file, problem: change.problem })
      }
    }
  }

  close(): void {
    this.#watch.stop()
  }
}
