import { keyList, readRandomKey } from './key-list.ts'
import type { SettingsContext } from './settings-context.ts'

const form = '32 random bytes in base64url'

/**
 * Schema of the settings `keys.encryption`: 32-byte secrets. The keys that encrypt stored data are derived from them.
 */
export const encryptionKeys = (context: SettingsContext) =>
  keyList(context, {
    name: 'encryption',
    id: 'Name of the key. It is stored in plain text beside the data.',
    form,
    danger: 'An attacker with this key and access to Redis can read stored tokens.',
    description:
      'Keys that encrypt data in Redis, such as tokens and replies of issuers about tokens: a list, or { directory }. ' +
      'The first key encrypts until the first `gatehouse keys rotate encryption`; all keys decrypt. To rotate: append ' +
      'the new key, then run this command. All nodes and workers share the keys. A reload without a key that is in use is rejected. Default [].',
    read: (secret) => readRandomKey(secret, form),
  })
