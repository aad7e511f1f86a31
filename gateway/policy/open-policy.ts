import type { Settings } from '../config/settings.ts'
import { PolicyFile, type PolicyFileEvents } from './policy-file.ts'
import type { Snapshot } from './snapshot.ts'

export interface PolicyDependencies {
  readonly settings: Pick<Settings, 'policy' | 'publicUrls'>
  /** Rejects a policy that needs missing settings. @throws {ConfigError} */
  readonly check: (snapshot: Snapshot) => void
}

/** The policy of a node. */
export interface PolicyRoom {
  /** The policy in force. */
  readonly current: Snapshot
  /** Polls for changes from now on, and reports them. */
  watch(events: PolicyFileEvents): void
  /** Checks for a change now, and prepares a rejected policy again. Does nothing before `watch`. */
  reload(): void
  close(): void
}

/**
 * Loads the policy.
 *
 * @throws {ConfigError} with all problems of the policy
 */
export function openPolicy({ settings, check }: PolicyDependencies): PolicyRoom {
  const file = new PolicyFile(settings.policy.path, settings.publicUrls)
  let current = file.load()
  check(current)
  let watched: PolicyFileEvents | undefined
  return {
    get current() {
      return current
    },
    watch(events) {
      const prepare: PolicyFileEvents['prepare'] = (snapshot) => {
        check(snapshot)
        const commit = events.prepare(snapshot)
        return () => {
          commit()
          current = snapshot
        }
      }
      watched = {
        prepare,
        rejected: (error) => events.rejected(error),
        restored: () => events.restored(),
      }
      file.watch(watched)
    },
    reload() {
      if (watched !== undefined) file.reload(watched, true)
    },
    close: () => file.close(),
  }
}
