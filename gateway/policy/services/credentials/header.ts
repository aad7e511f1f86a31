import { z } from 'zod'
import type { NeededSecret } from '../../../config/needed-secret.ts'
import { secretReference } from '../../../config/secret.ts'
import { text } from '../../../config/text-schemas.ts'
import { isReservedField } from '../../requirements/headers.ts'
import { credentialKind } from './credential-kind.ts'
import type { CredentialInput, CredentialSources, ServiceCredential } from './service-credential.ts'

/**
 * Fields that describe the request itself. A credential must use neither these fields nor the fields that a requirement
 * must not use.
 */
const describing = new Set(['content-type', 'content-encoding', 'origin', 'max-forwards', 'date'])

const fieldName = text('the name of a request field, of letters, digits and -', /^[0-9A-Za-z-]{1,128}$/).refine(
  (name) => isCredentialField(name.toLowerCase()),
  { error: 'must be Authorization, or a field by which neither gate, proxies nor the protocol speak' },
)

/**
 * Whether a credential can use the field with this name (in lower case): `authorization`, or a field that neither the
 * gate, nor proxies, nor the protocol use.
 */
export function isCredentialField(name: string): boolean {
  if (name === 'authorization') return true
  return !isReservedField(name) && !describing.has(name) && !/^(?:sec|access-control)-/.test(name)
}

export const headerKind = credentialKind({
  type: 'header',
  schema: z.strictObject({
    type: z.literal('header').describe('A fixed secret in a header field, for services that know API keys only.'),
    name: fieldName.describe(
      'Name of the field, such as X-Api-Key or Authorization. The gate removes this field from requests of clients ' +
        'on all routes of the service.',
    ),
    secret: secretReference.describe(
      'Complete value of the field. A change of the file takes effect without a restart. Every request of the route ' +
        'carries the secret, also on a public route.',
    ),
  }),
  compile({ name, secret }, { service, path, placeOf }) {
    const use = { path: [...path, 'secret'], usedBy: `credentials of service ${service}`, check: errorInValue }
    return new HeaderCredential(name.toLowerCase(), { place: placeOf(secret), use })
  },
})

/**
 * Checks a secret that is to be sent as a field value (RFC 9110 §5.5).
 *
 * @returns a description of the error, without the secret
 */
function errorInValue(value: string): string | undefined {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)
    ? undefined
    : 'must be a field value: visible ASCII characters, with blanks only inside'
}

/** Sends a fixed secret to the service, in one header field. */
class HeaderCredential implements ServiceCredential {
  readonly type = 'header'
  readonly needsKey = undefined
  readonly field: string
  readonly secret: NeededSecret

  constructor(field: string, secret: NeededSecret) {
    this.field = field
    this.secret = secret
  }

  obtain(_: CredentialInput, { serviceSecrets }: CredentialSources): string {
    return serviceSecrets.of(this.secret).presented
  }

  replace(_: CredentialInput, { serviceSecrets }: CredentialSources, refused: string): string | undefined {
    const secret = serviceSecrets.of(this.secret)
    return secret.presented !== refused || secret.refused(refused) ? secret.presented : undefined
  }
}
