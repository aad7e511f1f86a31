import { z } from 'zod'
import { credentialKind } from './credential-kind.ts'
import type { ServiceCredential } from './service-credential.ts'

/** Sends no credential to the service. */
export const emptyCredential: ServiceCredential = Object.freeze({
  type: 'none',
  field: undefined,
  needsKey: undefined,
  obtain: () => undefined,
} satisfies ServiceCredential)

export const noneKind = credentialKind({
  type: 'none',
  schema: z.strictObject({ type: z.literal('none').describe('The service receives no credential.') }),
  compile: () => emptyCredential,
})
