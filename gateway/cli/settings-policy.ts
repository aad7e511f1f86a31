import { KeyRings } from '../config/key-rings.ts'
import type { Settings } from '../config/settings.ts'
import { PolicyFile } from '../policy/policy-file.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { openActivePolicy } from '../revisions/open-active-policy.ts'

/** Reads the policy that the settings name: the policy file, or the policy of the cluster in Redis. */
export async function policyOfSettings({ policy, node, redis, keys, publicUrls }: Settings): Promise<Snapshot> {
  if (policy.source === 'file') return new PolicyFile(policy.path).load()
  const opened = await openActivePolicy({
    settings: { policy, node },
    redis: redis!,
    keyRings: new KeyRings(keys),
    publicUrls,
    role: 'command',
    check: () => undefined,
    log: () => undefined,
  })
  return opened.policy.current
}
