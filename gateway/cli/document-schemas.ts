import type { DocumentSchema } from '../config/json-schema.ts'
import { settingsSchema } from '../config/settings-schema.ts'
import { policySchema } from '../policy/policy-schema.ts'
import { policyTestsSchema } from './policy-tests/policy-tests-schema.ts'

/**
 * JSON Schemas of the documents that operators write. `tests`: a file with policy tests, for `gatehouse check --tests`.
 */
export const documentSchemas = {
  settings: { schema: settingsSchema, title: 'Gatehouse settings (gatehouse.yaml)' },
  policy: { schema: policySchema, title: 'Gatehouse policy (policy.yaml)' },
  tests: { schema: policyTestsSchema, title: 'Tests of a Gatehouse policy' },
} as const satisfies Record<string, DocumentSchema>

export type DocumentKind = keyof typeof documentSchemas

export const documentKinds = Object.keys(documentSchemas) as readonly DocumentKind[]
