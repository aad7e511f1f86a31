import { z } from 'zod'
import { credentialKind } from './credential-kind.ts'
import type { CredentialInput, CredentialSources, ServiceCredential } from './service-credential.ts'

export const assertionKind = credentialKind({
  type: 'assertion',
  schema: z.strictObject({
    type: z
      .literal('assertion')
      .describe(
        'A statement about the caller, signed by the gate and valid for this service only. Needs `keys.assertion`.',
      ),
  }),
  compile: (_, { service }) => new AssertionCredential(service),
})

/** Sends an identity assertion about the caller. On a public route the service receives no assertion. */
class AssertionCredential implements ServiceCredential {
  readonly type = 'assertion'
  readonly field = 'x-gatehouse-jwt-assertion'
  readonly needsKey = 'assertion'
  readonly #service: string

  constructor(service: string) {
    this.#service = service
  }

  obtain({ facts, derived, nowMs }: CredentialInput, { signer }: CredentialSources): string | undefined {
    if (facts === undefined || derived === undefined) return undefined
    return signer!.assertion(facts, derived, this.#service, nowMs)
  }
}
