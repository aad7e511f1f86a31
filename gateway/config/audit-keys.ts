import { keyList, readRandomBytes, readRandomKey } from './key-list.ts'
import type { SettingsContext } from './settings-context.ts'

const form = '32 random bytes in base64url; `gatehouse keys generate audit` prints them'

/** `keys.audit`: keys that seal the chains of the audit log. */
export const auditKeys = (context: SettingsContext) =>
  keyList(context, {
    name: 'audit',
    id: 'Name of the key, in the clear beside what it sealed.',
    form,
    danger: 'Whoever has it can write an audit log that verifies.',
    description:
      'Keys of the audit log. The first seals, all verify: keep an old one as long as records that it sealed are kept. ' +
      'Default none: what is missing shows, and not what somebody wrote anew who can write to Redis.',
    read: (secret) => readRandomKey(secret, form),
  })

/** Returns the key, or a text that describes the error without quoting the secret. */
export const readAuditKey = (secret: string): Buffer | string => readRandomBytes(secret, form)
