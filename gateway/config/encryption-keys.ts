import { keyList, readRandomKey } from './key-list.ts'

/** A 32-byte secret. Keys derived from it encrypt stored data. */
export interface EncryptionKey {
  readonly id: string
  readonly secret: Buffer
}

const form = '32 random bytes in base64url; `gatehouse keys generate encryption` prints them'

export const encryptionKeys = keyList({
  id: 'Name of the key, in the clear beside what it sealed.',
  form,
  danger: 'Whoever has it and Redis can read stored tokens.',
  description:
    'Keys of what is stored in Redis sealed: tokens, and what issuers say of them. The first seals, all open: add the ' +
    'new one behind, then move it to the front, then take the old one out. All nodes and workers share them.',
})

/** @returns the 32 bytes, or a text that describes the error without quoting the secret */
export const readEncryptionKey = readRandomKey(form)
