import type { Settings } from '../config/settings.ts'
import { PolicyFile, type PolicyFileEvents } from './policy-file.ts'
import type { Snapshot } from './snapshot.ts'

export interface PolicyDependencies {
  readonly settings: Pick<Settings, 'policy' | 'publicUrls'>
  /**
   * Checks that the node's settings contain all that the policy needs. @throws {ConfigError} if a setting is missing
   */
  readonly check: (snapshot: Snapshot) => void
}

/** Access to the policy of a node. */
export interface PolicyRoom {
  /** The policy in force. */
  readonly current: Snapshot
  /** Starts to poll the policy files for changes, and reports each change to `events`. */
  watch(events: PolicyFileEvents): void
  /**
   * Checks the policy files for a change immediately. Also retries a policy that compiled but was rejected. Does
   * nothing before `watch`.
   */
  reload(): void
  close(): void
}

/**
 * Loads the policy of a node from its file or folder.
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
