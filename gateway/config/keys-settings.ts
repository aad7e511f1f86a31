import { z } from 'zod'
import { assertionKeys } from './assertion-keys.ts'
import { auditKeys } from './audit-keys.ts'
import { encryptionKeys } from './encryption-keys.ts'
import { policyKeys } from './policy-keys.ts'
import type { SettingsContext } from './settings-context.ts'
import { durationOrNone } from './text-schemas.ts'

/** Schema of the settings `keys`: the secret keys of a node. */
export const keysSettings = (context: SettingsContext) =>
  z
    .strictObject({
      assertion: assertionKeys(context),
      encryption: encryptionKeys(context),
      audit: auditKeys(context),
      policy: policyKeys(context),
      max_age: durationOrNone({ min: '1d', max: '3650d' })
        .prefault('none')
        .describe(
          'Age of a key file, since its last change, at which `gatehouse expiry`, a metric and warnings list the key as ' +
            'expired; the gate continues to use the key. If the reference of the key has `expires`, that time applies instead. Default ' +
            'none: the age of keys is not watched.',
        )
        .meta({ reload: 'live' }),
    })
    .transform(({ max_age, ...lists }) => ({ ...lists, maxAgeMs: max_age === 'none' ? undefined : max_age }))
    .prefault({})
