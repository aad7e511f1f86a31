import type { Settings } from '../config/settings.ts'
import { PolicyFile, type PolicyFileEvents } from './policy-file.ts'
import type { Snapshot } from './snapshot.ts'

export interface PolicyDependencies {
  /** Path of the policy: a file or a folder. */
  readonly path: string
  readonly settings: Pick<Settings, 'publicUrls'>
  /**
   * Checks that the node's settings contain all that the policy needs.
   *
   * @throws {ConfigError} if a setting is missing
   */
  readonly check: (snapshot: Snapshot) => void
}

/** The policy in force on the node. */
export interface PolicyRoom {
  /** The policy in force. */
  readonly current: Snapshot
  /**
   * Prepares the process for the policy with which it starts. If the process cannot be prepared for the newest policy
   * of the cluster, it uses the older copy on its disk. Must be called once, before `watch`.
   *
   * @param prepare  prepares the process, and changes nothing if it throws
   * @throws {ConfigError} when `prepare` rejects the policy, and there is no older copy
   */
  begin<Prepared>(prepare: (snapshot: Snapshot) => Prepared): Prepared
  /** Starts to follow changes of the policy, and reports each change to `events`. */
  watch(events: PolicyFileEvents): void
  /**
   * Checks for a change of the policy files or of the cluster policy immediately. Also retries a policy that compiled
   * but was rejected. Does nothing before `watch`.
   */
  reload(): void
  close(): void
}

/**
 * Loads the policy of a node from its file or folder.
 *
 * @throws {ConfigError} with all problems of the policy
 */
export function openPolicy({ path, settings, check }: PolicyDependencies): PolicyRoom {
  const file = new PolicyFile(path, settings.publicUrls)
  let current = file.load()
  check(current)
  let watched: PolicyFileEvents | undefined
  return {
    get current() {
      return current
    },
    begin: (prepare) => prepare(current),
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
