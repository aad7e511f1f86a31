import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import { loadPolicy, type PolicySource } from '../config/policy.ts'
import { compilePolicy } from './compile.ts'
import type { Snapshot } from './snapshot.ts'

const POLL_MS = 500

export interface PolicyFileEvents {
  /**
   * A changed policy compiled: prepares to enforce it.
   *
   * @returns puts the policy into force. One that throws is a fault of the program: the supervisor logs and counts it
   * @throws {ConfigError} to reject the policy; then nothing has changed
   */
  prepare(snapshot: Snapshot): Commit
  /** A changed policy did not compile, or `prepare` rejected it: the one in force stays. Once a change. */
  rejected(error: unknown): void
  /** After a rejected one, the text of the policy in force is back. */
  restored(): void
}

/**
 * The policy as a file or folder that is watched. Looks at size, times and inode of each file twice a second instead of
 * waiting for events of the file system, which network mounts do not send and which renames and links confuse.
 */
export class PolicyFile {
  readonly #path: string
  readonly #publicUrls: readonly string[] | undefined
  #current: Snapshot | undefined
  #seen = ''
  #rejected = false
  #endWatching: (() => void) | undefined

  /** @param publicUrls  of the gate, for messages */
  constructor(path: string, publicUrls?: readonly string[]) {
    this.#path = path
    this.#publicUrls = publicUrls
  }

  /** @throws {ConfigError} with all that is wrong */
  load(): Snapshot {
    this.#seen = fingerprint(this.#path)
    const snapshot = this.#compile(loadPolicy(this.#path))
    this.#current = snapshot
    return snapshot
  }

  watch(events: PolicyFileEvents): void {
    this.#endWatching = new Supervisor('policy-watch').repeat(POLL_MS, () => this.reload(events))
  }

  /** Looks for a change now. */
  reload(events: PolicyFileEvents): void {
    const seen = fingerprint(this.#path)
    if (seen === this.#seen) return
    this.#seen = seen
    const commit = this.#prepare(events)
    if (commit === undefined) return
    commit()
    this.#rejected = false
  }

  #compile(source: PolicySource): Snapshot {
    return compilePolicy(source, { previous: this.#current, publicUrls: this.#publicUrls })
  }

  /** @returns `undefined` when there is no other policy to put into force */
  #prepare(events: PolicyFileEvents): Commit | undefined {
    try {
      const source = loadPolicy(this.#path)
      if (source.revision === this.#current?.revision) {
        if (this.#rejected) events.restored()
        this.#rejected = false
        return undefined
      }
      const next = this.#compile(source)
      const commit = events.prepare(next)
      return () => {
        this.#current = next
        commit()
      }
    } catch (error) {
      this.#rejected = true
      events.rejected(error)
      return undefined
    }
  }

  close(): void {
    this.#endWatching?.()
  }
}

/** What changes when the text may have changed. */
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
