import { isWorkerKind, type WorkerKind } from '../gateway/config/key-kinds.ts'
import type { KeyRings } from '../gateway/config/key-rings.ts'
import type { Secrets } from '../gateway/config/secrets.ts'
import type { LoadedSettings, Settings } from '../gateway/config/settings.ts'
import { SettingsReload, type SettingsReloadOptions } from '../gateway/config/settings-reload.ts'
import { KeyChange } from '../gateway/keys/key-change.ts'
import { appointKeys, KeyHolders } from '../gateway/keys/key-holders.ts'
import { sharedUse } from '../gateway/keys/open-keys.ts'
import type { IssuerRules } from '../gateway/oauth/token-facts.ts'
import type { RedisLink } from '../gateway/redis/redis-link.ts'

interface WorkerKeysDependencies {
  readonly loaded: LoadedSettings
  /** Called with the settings of each accepted reload. */
  readonly apply: (settings: Settings) => void
  readonly secrets: Pick<Secrets, 'followSettings'>
  readonly keyRings: KeyRings
  readonly link: RedisLink
  /** Issuers of the policy in force, by issuer identifier. */
  readonly issuers: () => ReadonlyMap<string, IssuerRules>
  readonly log: SettingsReloadOptions['log']
}

/** Consequence when a worker does not have the writing key of the cluster, by kind of key. */
const consequences: Readonly<Record<WorkerKind, string>> = {
  encryption: 'nodes may be unable to read what this worker encrypts',
  policy: 'this worker rejects policy revisions that are signed with the key',
}

/**
 * Opens the keys of a worker, reports them to the cluster, and reloads the settings when they change. Keys and secrets
 * take effect at once, other settings at the next start.
 */
export function openWorkerKeys({ loaded, apply, secrets, keyRings, link, issuers, log }: WorkerKeysDependencies): {
  readonly holders: KeyHolders
  readonly reload: SettingsReload
} {
  const { node, audit } = loaded.settings
  /** For each kind of key: id of the missing writing key in the last log line, so that it is not logged again. */
  const lacking = new Map<WorkerKind, string>()
  const holders = new KeyHolders({
    link,
    keyRings,
    process: { id: node.id, role: 'worker' },
    // A worker does not read the event log of the cluster. It gets the current writing keys as reply to each report of
    // its keys.
    appointed: (writing) =>
      appointKeys(keyRings, writing, (kind, id) => {
        if (!isWorkerKind(kind) || lacking.get(kind) === id) return
        lacking.set(kind, id)
        const problem = `${consequences[kind]}; add the key to keys.${kind} of this worker`
        log('error', 'the cluster writes with a key that this worker lacks', { kind, key: id, problem })
      }),
  })
  holders.start()
  const lifetimes = { issuers: () => issuers().values(), auditRecentMs: audit.recentMs }
  const change = new KeyChange({ keyRings, neededUntilMs: sharedUse(holders, lifetimes) })
  const prepare: SettingsReloadOptions['prepare'] = async (next) => {
    const { keys } = next.settings
    await change.check(keys)
    const commit = () => {
      secrets.followSettings(next.secrets)
      apply(next.settings)
      keyRings.replace(keys)
    }
    return { commit, needRestart: keyRings.missingKinds(keys).map((kind) => `keys.${kind}`) }
  }
  return { holders, reload: new SettingsReload({ loaded, log, prepare }) }
}
