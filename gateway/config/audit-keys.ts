import { keyList, readRandomBytes, readRandomKey } from './key-list.ts'
import type { SettingsContext } from './settings-context.ts'

const form = '32 random bytes in base64url'

/** Schema of the settings `keys.audit`: keys that seal the chains of the audit log. */
export const auditKeys = (context: SettingsContext) =>
  keyList(context, {
    name: 'audit',
    id: 'Name of the key. It is stored in plain text beside the data.',
    form,
    danger: 'An attacker with this key can write an audit log that passes verification.',
    description:
      'Keys that seal the audit log: a list, or { directory }. The first key seals; all keys verify: keep an old key as long as the records that ' +
      'it sealed. Default []: verification detects missing records, but not records that an attacker with access to ' +
      'Redis has rewritten.',
    read: (secret) => readRandomKey(secret, form),
  })

/**
 * Reads an audit key from the command line. Returns the key, or a text that describes the error without quoting the
 * secret.
 */
export function readAuditKey(secret: string): Buffer | string {
  const key = readRandomBytes(secret, form)
  return typeof key === 'string' ? `${key}; \`gatehouse keys generate audit\` prints a valid key` : key
}
