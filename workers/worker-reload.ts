import type { KeyRings } from '../gateway/config/key-rings.ts'
import type { Secrets } from '../gateway/config/secrets.ts'
import type { LoadedSettings } from '../gateway/config/settings.ts'
import { SettingsReload, type SettingsReloadOptions } from '../gateway/config/settings-reload.ts'
import type { KeyChange } from '../gateway/keys/key-change.ts'

interface WorkerReloadDependencies {
  readonly loaded: LoadedSettings
  readonly secrets: Pick<Secrets, 'followSettings'>
  readonly keyRings: KeyRings
  readonly keyChange: Pick<KeyChange, 'check'>
  readonly log: SettingsReloadOptions['log']
}

/** Makes the reload of a worker's settings: keys and secrets take effect, other settings at the next start. */
export function workerReload({ loaded, secrets, keyRings, keyChange, log }: WorkerReloadDependencies): SettingsReload {
  const prepare: SettingsReloadOptions['prepare'] = async (next) => {
    const { keys } = next.settings
    await keyChange.check(keys)
    const commit = () => {
      secrets.followSettings(next.secrets)
      keyRings.replace(keys)
    }
    return { commit, needRestart: keyRings.missingKinds(keys).map((kind) => `keys.${kind}`) }
  }
  return new SettingsReload({ loaded, log, prepare })
}
