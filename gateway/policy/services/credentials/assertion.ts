import { z } from 'zod'
import type { Derived } from '../../../oauth/token-facts.ts'
import { credentialKind } from './credential-kind.ts'
import type { CredentialInput, CredentialSources, Replaced, ServiceCredential } from './service-credential.ts'

/** Minimum time between two assertions for one token that are signed because a service has refused an assertion, ms. */
const REPLACE_MS = 30_000

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
  /**
   * Pass a 401 to a new assertion to the client: the assertion is valid, so the 401 is the service's own decision, for
   * example to start its own login.
   */
  readonly passesRefusal = true
  readonly #service: string
  /**
   * For each token: time at which the last assertion was signed because the service had replied 401, ms since the
   * epoch.
   */
  readonly #replacedMs = new WeakMap<Derived, number>()

  constructor(service: string) {
    this.#service = service
  }

  obtain({ facts, derived, nowMs }: CredentialInput, { signer }: CredentialSources): string | undefined {
    if (facts === undefined || derived === undefined) return undefined
    return signer!.assertion(facts, derived, this.#service, nowMs)
  }

  /**
   * Signs a new assertion after the service refused one. The service may no longer accept the key or the age of the
   * refused assertion.
   */
  replace({ facts, derived, nowMs }: CredentialInput, { signer }: CredentialSources, refused: string): Replaced {
    if (facts === undefined || derived === undefined) return undefined
    const current = signer!.assertion(facts, derived, this.#service, nowMs)
    if (current !== refused) return current
    if (nowMs - (this.#replacedMs.get(derived) ?? Number.NEGATIVE_INFINITY) < REPLACE_MS) return undefined
    this.#replacedMs.set(derived, nowMs)
    derived.assertionRenewAtMs = 0
    return signer!.assertion(facts, derived, this.#service, nowMs)
  }
}
