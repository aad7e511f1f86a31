import type { DocumentSchema } from '../config/json-schema.ts'
import { settingsSchema } from '../config/settings-schema.ts'
import { policySchema } from '../policy/policy-schema.ts'

/** Schemas of the documents that operators write. `settings`: gatehouse.yaml. `policy`: policy.yaml. */
export const documentSchemas = {
  settings: { schema: settingsSchema, title: 'Gatehouse settings (gatehouse.yaml)' },
  policy: { schema: policySchema, title: 'Gatehouse policy (policy.yaml)' },
} as const satisfies Record<string, DocumentSchema>

export type DocumentKind = keyof typeof documentSchemas

export const documentKinds = Object.keys(documentSchemas) as readonly DocumentKind[]
