import { z } from 'zod'
import { denial } from '../../../base/denial.ts'
import { formatDuration } from '../../../base/duration.ts'
import { entryName } from '../../../config/entry-name.ts'
import { resourceUrl } from '../../../config/resource-url.ts'
import { scopeName } from '../../../config/scope-name.ts'
import { secretReference } from '../../../config/secret.ts'
import { duration, text } from '../../../config/text-schemas.ts'
import type { ExchangeTerms } from '../../../oauth/exchange-terms.ts'
import { clientAuthKeys } from '../../issuers/client-auth-keys.ts'
import { clientAtIssuer } from './client-at-issuer.ts'
import { credentialKind } from './credential-kind.ts'
import type {
  CredentialInput,
  CredentialSources,
  IdentifiedInput,
  Obtained,
  ServiceCredential,
} from './service-credential.ts'

const audience = text('1 to 2000 visible characters', /^[\x21-\x7e]{1,2000}$/)
const tokenType = z.enum(['access_token', 'jwt'], { error: 'must be access_token or jwt' })

export const tokenExchangeKind = credentialKind({
  type: 'token_exchange',
  schema: z.strictObject({
    type: z
      .literal('token_exchange')
      .describe(
        "A token for this service, for which the gate exchanges the caller's token at an issuer (RFC 8693), as " +
          '`Authorization: Bearer`. With Redis it needs `keys.encryption`.',
      ),
    issuer: entryName.describe('Name of the entry under `issuers` that exchanges the token.'),
    client_id: text('1 to 256 visible characters', /^[\x21-\x7e]{1,256}$/).describe('Client id of the gate.'),
    ...clientAuthKeys,
    audience: z
      .union([audience, z.array(audience).min(1)], { error: 'must be a name or a list of names' })
      .optional()
      .describe('Logical name of the service at the issuer, or a list of names. Needs this or `resource`.'),
    resource: z
      .union([resourceUrl, z.array(resourceUrl).min(1)], {
        error: 'must be a URL or a list of URLs, without fragments',
      })
      .optional()
      .describe('URL of the service for which the token is requested (RFC 8693 §2.1), or a list of URLs.'),
    scopes: z.array(scopeName).prefault([]).describe('Requested scopes. Default []: the issuer decides.'),
    requested_token_type: tokenType
      .prefault('access_token')
      .describe('Requested type of token: access_token (default) or jwt.'),
    actor_token: secretReference
      .optional()
      .describe(
        'Token of the gate as the acting party, such as a workload token in a file. Default: none; most issuers know ' +
          'the actor by the client authentication.',
      ),
    actor_token_type: tokenType.prefault('jwt').describe('Type of `actor_token`: jwt (default) or access_token.'),
    max_lifetime: duration({ min: '10s', max: '1h' })
      .prefault('5m')
      .describe(
        'Longest time for which an exchanged token is requested (`expires_in`) and reused. Default 5m, 10s to 1h. A ' +
          'token that a service already has cannot be called back: after a revocation, the service can use it until it ' +
          'expires.',
      ),
    timeout: duration({ min: '100ms', max: '30s' })
      .prefault('5s')
      .describe(
        'Maximum wait for one reply of the issuer, and maximum wait until the gate may call the issuer. Default 5s, 100ms to 30s.',
      ),
  }),
  compile(entry, context) {
    const client = clientAtIssuer(entry, context)
    if (client === undefined) return undefined
    const { issuer, auth } = client
    const { path, report, placeOf } = context
    const targets = { audience: listOf(entry.audience), resource: listOf(entry.resource) }
    if (targets.audience.length + targets.resource.length === 0) {
      const message = 'needs audience or resource, which name the service for which the token is requested'
      report('GH_POLICY_CREDENTIAL', message, path)
      return undefined
    }
    const { client_id: clientId, scopes, requested_token_type: requestedType, actor_token, actor_token_type } = entry
    return new ExchangedCredential({
      path,
      issuer,
      clientId,
      auth,
      ...targets,
      scopes: [...new Set(scopes)],
      requestedType,
      actor: actor_token && { place: placeOf(actor_token), type: actor_token_type },
      maxLifetimeMs: entry.max_lifetime,
      timeoutMs: entry.timeout,
    })
  },
  print: ({ max_lifetime, timeout, ...rest }) => ({
    ...rest,
    max_lifetime: formatDuration(max_lifetime),
    timeout: formatDuration(timeout),
  }),
})

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : [...new Set(value)]
}

/**
 * Sends a token for which the gate has exchanged the caller's token. On a public route the service receives no token.
 */
class ExchangedCredential implements ServiceCredential {
  readonly type = 'token_exchange'
  readonly field = 'authorization'
  readonly needsKey = 'encryption'
  readonly needsToken = true
  readonly exchange: ExchangeTerms

  constructor(exchange: ExchangeTerms) {
    this.exchange = exchange
  }

  obtain(input: CredentialInput, { exchanges }: CredentialSources): Obtained | Promise<Obtained> {
    if (!isIdentified(input)) return undefined
    return input.credential === '' ? withoutToken : exchanges.obtain(this.exchange, input)
  }

  replace(
    input: CredentialInput,
    { exchanges }: CredentialSources,
    refused: string,
  ): Promise<string | undefined> | undefined {
    return isIdentified(input) ? exchanges.newer(this.exchange, input, refused) : undefined
  }
}

/** Denial of a caller that has no token to exchange, because only a client certificate identifies the caller. */
const withoutToken = denial('exchange-refused')

function isIdentified(input: CredentialInput): input is IdentifiedInput {
  return input.facts !== undefined && input.derived !== undefined
}
