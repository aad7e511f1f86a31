import { keyList, readRandomKey } from './key-list.ts'
import type { SettingsContext } from './settings-context.ts'

const form = '32 random bytes in base64url'

/** Schema of the settings `keys.policy`: keys that authenticate the policy revisions of the cluster in Redis. */
export const policyKeys = (context: SettingsContext) =>
  keyList(context, {
    name: 'policy',
    id: 'Name of the key. It is stored in plain text beside the revision.',
    form,
    danger: 'An attacker with this key and access to Redis can replace the policy of the cluster.',
    description:
      'Keys that authenticate the policy revisions of the cluster in Redis (HMAC-SHA256): a list, or { directory }. The ' +
      'first key signs; all keys verify. All nodes and workers share the keys. A reload without a key that is in use is ' +
      'rejected. Default [].',
    read: (secret) => readRandomKey(secret, form),
  })
