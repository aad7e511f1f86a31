import { keyList, readRandomKey } from './key-list.ts'

const form = '32 random bytes in base64url; `gatehouse keys generate audit` prints them'

/** `keys.audit`: keys that seal the chains of the audit log. */
export const auditKeys = keyList({
  id: 'Name of the key, in the clear beside what it sealed.',
  form,
  danger: 'Whoever has it can write an audit log that verifies.',
  description:
    'Keys of the audit log. The first seals, all verify: keep an old one as long as records that it sealed are kept. ' +
    'Default none: what is missing shows, and not what somebody wrote anew who can write to Redis.',
})

export const readAuditKey = readRandomKey(form)
