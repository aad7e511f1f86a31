import { z } from 'zod'
import type { Derived } from '../../../oauth/token-facts.ts'
import { credentialKind } from './credential-kind.ts'
import type { CredentialInput, CredentialSources, Replaced, ServiceCredential } from './service-credential.ts'

/** Shortest time between two assertions about one token that are signed because a service refused one, ms. */
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
  /** A new assertion is valid, so a 401 to it is the service's own decision, such as its own login. */
  readonly passesRefusal = true
  readonly #service: string
  /** Time of the last assertion that was signed after a 401, for each token; ms since the epoch. */
  readonly #replacedMs = new WeakMap<Derived, number>()

  constructor(service: string) {
    this.#service = service
  }

  obtain({ facts, derived, nowMs }: CredentialInput, { signer }: CredentialSources): string | undefined {
    if (facts === undefined || derived === undefined) return undefined
    return signer!.assertion(facts, derived, this.#service, nowMs)
  }

  /** Signs a new assertion, because the service may no longer accept the key or the age of the one that it refused. */
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
