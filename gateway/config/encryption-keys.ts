import { z } from 'zod'
import { text } from './parsed.ts'
import { readRandomKey } from './random-key.ts'
import { secretReference } from './secret.ts'

/** A secret from which the keys are made that seal what is stored: 32 bytes. */
export interface EncryptionKey {
  readonly id: string
  readonly secret: Buffer
}

const keyForm = '32 random bytes in base64url; `gatehouse keys generate encryption` prints them'

export const encryptionKeys = z
  .array(
    z.strictObject({
      id: text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
        .describe('Name of the key, in the clear beside what it sealed. Every key needs its own.')
        .meta({ reload: 'restart' }),
      secret: secretReference
        .describe(`Where the key is: ${keyForm}. Whoever has it and Redis can read stored tokens.`)
        .meta({ reload: 'restart' }),
    }),
  )
  .prefault([])
  .describe(
    'Keys of what is stored in Redis sealed: tokens, and what issuers say of them. The first seals, all open: add the ' +
      'new one behind, then move it to the front, then take the old one out. All nodes and workers share them.',
  )
  .meta({ reload: 'restart' })

/** @returns the 32 bytes, or what is wrong with them, without a word of them */
export const readEncryptionKey = readRandomKey(keyForm)
