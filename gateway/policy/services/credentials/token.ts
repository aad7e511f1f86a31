import { z } from 'zod'
import { credentialKind } from './credential-kind.ts'
import type { ServiceCredential } from './service-credential.ts'

/** Forwards the client's token. On a public route the service receives no token. */
const clientToken: ServiceCredential = Object.freeze({
  type: 'token',
  field: 'authorization',
  needsKey: undefined,
  needsToken: true,
  obtain: ({ facts, credential }) => (facts === undefined ? undefined : `Bearer ${credential}`),
} satisfies ServiceCredential)

export const tokenKind = credentialKind({
  type: 'token',
  schema: z.strictObject({
    type: z.literal('token').describe("The client's token, with which the service can act as the client elsewhere."),
  }),
  compile: () => clientToken,
})
