import { performance } from 'node:perf_hooks'
import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import { stampOf } from '../config/file-stamp.ts'
import { compilePolicy } from './compile.ts'
import { loadPolicy, type PolicySource } from './policy-source.ts'
import type { Snapshot } from './snapshot.ts'

const POLL_MS = 500
/**
 * Time between attempts to activate a policy that compiled but was rejected, ms. A policy is rejected, for example,
 * when a file with a secret is missing.
 */
const RETRY_MS = 5000

export interface PolicyFileEvents {
  /**
   * Called when a changed policy has compiled. Prepares everything that is needed to enforce the policy.
   *
   * @param isCanary  whether the node only tries the policy. Streams that the previous policy admitted then continue
   * @returns a function that activates the policy. If this function throws, that is a bug: the supervisor logs and
   *   counts the error
   * @throws {ConfigError} to reject the policy; the node must then be unchanged
   */
  prepare(snapshot: Snapshot, isCanary?: boolean): Commit
  /**
   * Called when a changed policy file did not compile, or `prepare` rejected the policy. The active policy stays in
   * force. Called once for each change of the policy or of the error, and for each failed retry by `reload`.
   */
  rejected(error: unknown): void
  /** Called when the files contain the active policy again, after they contained a policy that was rejected. */
  restored(): void
}

/**
 * Watches the policy file or folder. Polls size, times and inode of each file twice a second. File system events are
 * not used: network mounts do not send them, and renames and links make them unreliable.
 */
export class PolicyFile {
  readonly #path: string
  readonly #publicUrls: readonly string[] | undefined
  #current: Snapshot | undefined
  #seen = ''
  #rejected = false
  /**
   * A policy that compiled but was rejected by `prepare`, with the text of the error and the time of the last attempt,
   * ms.
   */
  #pending: { readonly next: Snapshot; problem: string; triedMs: number } | undefined
  #endWatching: (() => void) | undefined

  /** @param publicUrls  public URLs of the gate, for error messages */
  constructor(path: string, publicUrls?: readonly string[]) {
    this.#path = path
    this.#publicUrls = publicUrls
  }

  /**
   * Loads and compiles the policy from its files.
   *
   * @throws {ConfigError} with all problems of the policy
   */
  load(): Snapshot {
    this.#seen = stampOf(this.#path)
    const snapshot = this.#compile(loadPolicy(this.#path))
    this.#current = snapshot
    return snapshot
  }

  watch(events: PolicyFileEvents): void {
    this.#endWatching = new Supervisor('policy-watch').repeat(POLL_MS, () => this.reload(events))
  }

  /**
   * Checks the policy files for a change immediately. If a policy compiled but was rejected, its activation is tried
   * again every 5 s, because a missing secret can be added in the meantime.
   *
   * @param retry  true to retry such an activation immediately
   */
  reload(events: PolicyFileEvents, retry = false): void {
    const seen = stampOf(this.#path)
    if (seen === this.#seen) {
      this.#retry(events, retry)
      return
    }
    this.#seen = seen
    this.#pending = undefined
    const commit = this.#prepare(events)
    if (commit !== undefined) this.#enforce(commit)
  }

  #retry(events: PolicyFileEvents, now: boolean): void {
    const pending = this.#pending
    if (pending === undefined || (!now && performance.now() - pending.triedMs < RETRY_MS)) return
    pending.triedMs = performance.now()
    let commit: Commit
    try {
      commit = events.prepare(pending.next)
    } catch (error) {
      if (String(error) !== pending.problem || now) events.rejected(error)
      pending.problem = String(error)
      return
    }
    this.#current = pending.next
    this.#enforce(commit)
  }

  #enforce(commit: Commit): void {
    this.#pending = undefined
    commit()
    this.#rejected = false
  }

  #compile(source: PolicySource): Snapshot {
    return compilePolicy(source, { previous: this.#current, publicUrls: this.#publicUrls })
  }

  /**
   * Loads, compiles and prepares the changed policy files.
   *
   * @returns a function that activates the policy; `undefined` when there is no new policy to activate
   */
  #prepare(events: PolicyFileEvents): Commit | undefined {
    let next: Snapshot | undefined
    try {
      const source = loadPolicy(this.#path)
      if (source.revision === this.#current?.revision) {
        if (this.#rejected) events.restored()
        this.#rejected = false
        return undefined
      }
      next = this.#compile(source)
      const snapshot = next
      const commit = events.prepare(snapshot)
      return () => {
        this.#current = snapshot
        commit()
      }
    } catch (error) {
      this.#rejected = true
      if (next !== undefined) this.#pending = { next, problem: String(error), triedMs: performance.now() }
      events.rejected(error)
      return undefined
    }
  }

  close(): void {
    this.#endWatching?.()
  }
}
