import { z } from 'zod'
import { assertionKeys } from './assertion-keys.ts'
import { auditKeys } from './audit-keys.ts'
import { encryptionKeys } from './encryption-keys.ts'
import type { SettingsContext } from './settings-context.ts'

/** Schema of the settings `keys`: the secret keys of a node. */
export const keysSettings = (context: SettingsContext) =>
  z
    .strictObject({
      assertion: assertionKeys(context),
      encryption: encryptionKeys(context),
      audit: auditKeys(context),
    })
    .prefault({})
