import type { KeyRings } from './config/key-rings.ts'
import type { Secrets } from './config/secrets.ts'
import type { LoadedSettings, Settings } from './config/settings.ts'
import { SettingsReload, type SettingsReloadOptions } from './config/settings-reload.ts'
import type { CredentialsRoom } from './credentials/open-credentials.ts'
import type { KeyChange } from './keys/key-change.ts'
import type { Overload } from './overload/overload.ts'
import type { Pages } from './pages/pages.ts'
import type { PolicyRoom } from './policy/open-policy.ts'
import { checkPolicyNeeds } from './policy-needs.ts'

interface NodeReloadDependencies {
  readonly loaded: LoadedSettings
  /** Settings of the node that are in force. */
  readonly settings: Settings
  /** Holder of the settings of the last accepted reload. */
  readonly inForce: { settings: Settings }
  readonly secrets: Pick<Secrets, 'followSettings'>
  readonly keyRings: KeyRings
  readonly keyChange: Pick<KeyChange, 'check'>
  readonly credentials: Pick<CredentialsRoom, 'prepareKeys'>
  readonly policy: Pick<PolicyRoom, 'current'>
  readonly pages: Pick<Pages, 'replace'>
  readonly overload: Pick<Overload, 'replace'>
  readonly log: SettingsReloadOptions['log']
}

/**
 * Makes the reload of a node's settings: keys, secrets, pages and overload limits take effect, other settings at the next
 * start.
 */
export function nodeReload({ loaded, log, ...node }: NodeReloadDependencies): SettingsReload {
  const { settings, inForce, secrets, keyRings, keyChange, credentials, policy, pages, overload } = node
  const prepare: SettingsReloadOptions['prepare'] = async (next) => {
    const { keys } = next.settings
    await keyChange.check(keys)
    checkPolicyNeeds({ ...settings, keys }, policy.current)
    await credentials.prepareKeys(keys.assertion)
    const commit = () => {
      secrets.followSettings(next.secrets)
      inForce.settings = next.settings
      keyRings.replace(keys)
      pages.replace(next.settings.pages)
      overload.replace(next.settings.overload)
    }
    return { commit, needRestart: keyRings.missingKinds(keys).map((kind) => `keys.${kind}`) }
  }
  return new SettingsReload({ loaded, log, prepare })
}
