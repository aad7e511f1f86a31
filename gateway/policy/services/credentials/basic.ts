import { z } from 'zod'
import type { NeededSecret } from '../../../config/needed-secret.ts'
import { secretReference } from '../../../config/secret.ts'
import { text } from '../../../config/text-schemas.ts'
import { credentialKind } from './credential-kind.ts'
import type { CredentialInput, CredentialSources, ServiceCredential } from './service-credential.ts'

export const basicKind = credentialKind({
  type: 'basic',
  schema: z.strictObject({
    type: z.literal('basic').describe('User name and password in `Authorization: Basic` (RFC 7617).'),
    username: text('1 to 256 characters without a colon and control characters', /^[^\x00-\x1f\x7f:]{1,256}$/).describe(
      'User name of the gate at the service. It is sent in UTF-8.',
    ),
    password: secretReference.describe(
      'Password of the gate at the service. A change of the file takes effect without a restart. Every request of the ' +
        'route carries the password, also on a public route.',
    ),
  }),
  compile({ username, password }, { service, path, placeOf }) {
    const use = { path: [...path, 'password'], usedBy: `credentials of service ${service}`, check: errorInPassword }
    return new BasicCredential(username, { place: placeOf(password), use })
  },
})

/**
 * Checks the password of a `basic` credential (RFC 7617 §2). @returns a description of the error, without the password
 */
function errorInPassword(password: string): string | undefined {
  return /[\x00-\x1f\x7f]/.test(password) ? 'must not contain control characters' : undefined
}

/** Sends a user name and a password to the service. */
class BasicCredential implements ServiceCredential {
  readonly type = 'basic'
  readonly field = 'authorization'
  readonly needsKey = undefined
  readonly secret: NeededSecret
  readonly #username: string
  /** Password of the service from which the cached field value `#value` was made. */
  #password: string | undefined
  #value = ''

  constructor(username: string, secret: NeededSecret) {
    this.#username = username
    this.secret = secret
  }

  obtain(_: CredentialInput, { serviceSecrets }: CredentialSources): string {
    return this.#valueOf(serviceSecrets.of(this.secret).presented)
  }

  replace(_: CredentialInput, { serviceSecrets }: CredentialSources, refused: string): string | undefined {
    const secret = serviceSecrets.of(this.secret)
    const { presented } = secret
    const value = this.#valueOf(presented)
    if (value !== refused) return value
    return secret.refused(presented) ? this.#valueOf(secret.presented) : undefined
  }

  #valueOf(password: string): string {
    if (password !== this.#password) {
      this.#value = `Basic ${Buffer.from(`${this.#username}:${password}`).toString('base64')}`
      this.#password = password
    }
    return this.#value
  }
}
