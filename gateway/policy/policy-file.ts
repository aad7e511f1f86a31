import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import { compilePolicy } from './compile.ts'
import { loadPolicy, type PolicySource } from './policy-source.ts'
import type { Snapshot } from './snapshot.ts'

const POLL_MS = 500
/**
 * Time between attempts to prepare a rejected policy whose text is valid, ms. The cause may be a missing secret file,
 * for example.
 */
const RETRY_MS = 5000

export interface PolicyFileEvents {
  /**
   * Called when a changed policy has compiled. Prepares everything that is needed to enforce it.
   *
   * @returns a function that activates the policy. If it throws, that is a bug: the supervisor logs and counts it
   * @throws {ConfigError} to reject the policy; nothing has changed then
   */
  prepare(snapshot: Snapshot): Commit
  /**
   * Called when a changed policy did not compile, or `prepare` rejected it. The active policy stays. Called once for
   * each change of the policy or of the error.
   */
  rejected(error: unknown): void
  /** Called when the files contain the active policy again after a rejected one. */
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
  /** A policy that compiled and was then rejected by `prepare`. `problem` is the reported error. */
  #pending: { readonly next: Snapshot; problem: string; triedMs: number } | undefined
  #endWatching: (() => void) | undefined

  /** @param publicUrls  of the gate, for messages */
  constructor(path: string, publicUrls?: readonly string[]) {
    this.#path = path
    this.#publicUrls = publicUrls
  }

  /** @throws {ConfigError} with all problems */
  load(): Snapshot {
    this.#seen = fingerprint(this.#path)
    const snapshot = this.#compile(loadPolicy(this.#path))
    this.#current = snapshot
    return snapshot
  }

  watch(events: PolicyFileEvents): void {
    this.#endWatching = new Supervisor('policy-watch').repeat(POLL_MS, () => this.reload(events))
  }

  /**
   * Checks for a change now. A policy that compiled but was rejected is prepared again every 5 s, because the missing
   * secret may exist by then.
   *
   * @param retry  prepare such a policy immediately
   */
  reload(events: PolicyFileEvents, retry = false): void {
    const seen = fingerprint(this.#path)
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

  /** @returns `undefined` when there is no new policy to activate */
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

/** File metadata that changes when the text may have changed. */
function fingerprint(path: string): string {
  try {
    const stat = statSync(path)
    if (!stat.isDirectory()) return stamp(path)
    return readdirSync(path)
      .sort()
      .map((name) => `${name} ${stamp(join(path, name))}`)
      .join('\n')
  } catch (error) {
    return error instanceof Error ? error.message : 'unreadable'
  }
}

function stamp(path: string): string {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true })
  return `${size} ${mtimeNs} ${ctimeNs} ${ino}`
}
