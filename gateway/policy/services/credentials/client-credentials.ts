import { createHash } from 'node:crypto'
import { z } from 'zod'
import { formatDuration } from '../../../base/duration.ts'
import { entryName } from '../../../config/entry-name.ts'
import { resourceUrl } from '../../../config/resource-url.ts'
import { scopeName } from '../../../config/scope-name.ts'
import { duration, text } from '../../../config/text-schemas.ts'
import type { ClientGrant } from '../../../oauth/client-grant.ts'
import { clientAuthKeys } from '../../issuers/client-auth-keys.ts'
import { clientAtIssuer } from './client-at-issuer.ts'
import { credentialKind } from './credential-kind.ts'
import type { CredentialInput, CredentialSources, ServiceCredential } from './service-credential.ts'

export const clientCredentialsKind = credentialKind({
  type: 'client_credentials',
  schema: z.strictObject({
    type: z
      .literal('client_credentials')
      .describe(
        'A token of the gate itself, from the client credentials grant (RFC 6749 §4.4), as `Authorization: Bearer`. The ' +
          'cluster shares one token. With Redis it needs `keys.encryption`.',
      ),
    issuer: entryName.describe('Name of the entry under `issuers` at which the gate is a client.'),
    client_id: text('1 to 256 visible characters', /^[\x21-\x7e]{1,256}$/).describe('Client id of the gate.'),
    ...clientAuthKeys,
    scopes: z.array(scopeName).prefault([]).describe('Requested scopes. Default []: the issuer decides.'),
    resource: z
      .array(resourceUrl)
      .prefault([])
      .describe('Resources for which the token is requested (RFC 8707). Default []: the issuer decides.'),
    audience: text('1 to 2000 visible characters', /^[\x21-\x7e]{1,2000}$/)
      .optional()
      .describe('Parameter `audience`, which some issuers, such as Auth0, require in place of `resource`.'),
    timeout: duration({ min: '100ms', max: '30s' })
      .prefault('5s')
      .describe('Maximum wait for one reply of the issuer. Default 5s, 100ms to 30s.'),
  }),
  compile(entry, context) {
    const client = clientAtIssuer(entry, context)
    if (client === undefined) return undefined
    const { issuer: rules, auth } = client
    const { path } = context
    const { client_id: clientId, scopes, resource: resources, audience, timeout: timeoutMs } = entry
    const identity = [rules.issuer, clientId, [...scopes].sort(), [...resources].sort(), audience ?? null]
    const id = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32)
    return new GrantedCredential({ id, rules, clientId, auth, scopes, resources, audience, timeoutMs, path })
  },
  print: ({ timeout, ...rest }) => ({ ...rest, timeout: formatDuration(timeout) }),
})

/** Sends a token that was issued to the gate itself. The service receives this token on public routes too. */
class GrantedCredential implements ServiceCredential {
  readonly type = 'client_credentials'
  readonly field = 'authorization'
  readonly needsKey = 'encryption'
  readonly grant: ClientGrant

  constructor(grant: ClientGrant) {
    this.grant = grant
  }

  obtain({ facts, nowMs }: CredentialInput, { grants }: CredentialSources): string | Promise<string> {
    return grants.bearer(this.grant, nowMs, facts !== undefined)
  }

  replace(_: CredentialInput, { grants }: CredentialSources, refused: string): Promise<string | undefined> {
    return grants.newer(this.grant, refused)
  }
}
