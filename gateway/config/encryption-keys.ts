import { keyList, readRandomKey } from './key-list.ts'
import type { SettingsContext } from './settings-context.ts'

const form = '32 random bytes in base64url; `gatehouse keys generate encryption` prints them'

/** `keys.encryption`: 32-byte secrets. Keys that are derived from them encrypt stored data. */
export const encryptionKeys = (context: SettingsContext) =>
  keyList(context, {
    name: 'encryption',
    id: 'Name of the key, in the clear beside what it sealed.',
    form,
    danger: 'Whoever has it and Redis can read stored tokens.',
    description:
      'Keys of what is stored in Redis sealed: tokens, and what issuers say of them. The first seals, all open: add the ' +
      'new one behind, then move it to the front, then take the old one out. All nodes and workers share them.',
    read: (secret) => readRandomKey(secret, form),
  })
