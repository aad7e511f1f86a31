import { z } from 'zod'
import { text } from './parsed.ts'
import { readRandomKey } from './random-key.ts'
import { secretReference } from './secret.ts'

const keyForm = '32 random bytes in base64url; `gatehouse keys generate audit` prints them'

/** `keys.audit`: what the chains of the audit log are sealed with. */
export const auditKeys = z
  .array(
    z.strictObject({
      id: text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
        .describe('Name of the key, in the clear beside what it sealed. Every key needs its own.')
        .meta({ reload: 'restart' }),
      secret: secretReference
        .describe(`Where the key is: ${keyForm}. Whoever has it can write an audit log that verifies.`)
        .meta({ reload: 'restart' }),
    }),
  )
  .prefault([])
  .describe(
    'Keys of the audit log. The first seals, all verify: keep an old one as long as records that it sealed are kept. ' +
      'Default none: what is missing shows, and not what somebody wrote anew who can write to Redis.',
  )
  .meta({ reload: 'restart' })

export const readAuditKey = readRandomKey(keyForm)
