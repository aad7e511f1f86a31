import { z } from 'zod'
import { duration, text } from '../../config/text-schemas.ts'
import { clientAuthKeys } from './client-auth-keys.ts'
import { sessionEntry } from './session-entry.ts'

const scope = text('a scope: visible ASCII without blanks, quotes and backslashes', /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/)

/** `login` of an issuer: how browsers log in there (RFC 6749 §4.1, RFC 7636, OpenID Connect Core §3.1). */
export const loginEntry = z
  .strictObject({
    client_id: text('1 to 256 visible characters', /^[\x21-\x7e]{1,256}$/).describe(
      'The client that the gate is to the issuer. Its redirect URI is the public URL with `/.gatehouse/callback`, or with ' +
        '`/.gatehouse/callback/ISSUER`: see `redirect`.',
    ),
    ...clientAuthKeys,
    client_auth: clientAuthKeys.client_auth.describe(
      'How the client proves who it is. Default: client_secret_basic with `client_secret`, private_key_jwt with ' +
        '`private_key`, tls_client_auth with `certificate`. Without any of them it is a public client, which PKCE alone ' +
        'protects.',
    ),
    redirect: z
      .enum(['plain', 'issuer'], { error: 'must be plain or issuer' })
      .optional()
      .describe(
        'Path of the redirect URI. plain: `/.gatehouse/callback`; at most one issuer may have it. issuer: ' +
          '`/.gatehouse/callback/ISSUER`, with the name of this entry. The same for `/oauth2/callback`. Required where ' +
          'browsers log in at several issuers: a reply of one must not pass for a reply of another (RFC 9700 §4.4). ' +
          'Default with a sole login issuer: plain.',
      ),
    scopes: z
      .array(scope)
      .min(1)
      .refine((scopes) => scopes.includes('openid'), { error: 'must contain openid: without it nobody logs in' })
      .prefault(['openid'])
      .describe(
        'Scopes that are asked for. Default openid. With offline_access most issuers give a refresh token, with which ' +
          'a session outlives its access token.',
      ),
    resource: text('an absolute URL without a fragment', /^https?:\/\/[\x21\x24-\x7e]{1,2000}$/)
      .optional()
      .describe('What the access token is to be for (RFC 8707). Default: what the issuer makes of its own.'),
    prompt: z
      .enum(['login', 'consent', 'select_account'], { error: 'must be login, consent or select_account' })
      .optional()
      .describe(
        'What the issuer asks the person each time (OpenID Connect Core §3.1.2.1). Some issuers give a refresh token only ' +
          'with consent. Default: what the issuer does of its own.',
      ),
    session_claims: z
      .array(text('the name of a claim', /^[^\s\x00-\x1f\x7f]{1,128}$/))
      .max(32)
      .prefault(['name', 'preferred_username', 'email'])
      .describe(
        'Claims of the ID token that a page can read at `/.gatehouse/session`, about its own user. Default name, ' +
          'preferred_username, email.',
      ),
    session: sessionEntry,
    timeout: duration({ min: '1s', max: '30s' })
      .prefault('10s')
      .describe(
        'Longest wait for one reply of the issuer during a login, and for the turn to ask it: of one address 4 logins are ' +
          'finished at a time. Default 10s, 1s to 30s.',
      ),
  })
  .describe('Browsers can log in at this issuer. Needs `redis` and `keys.encryption` in the settings.')

export type LoginEntry = z.output<typeof loginEntry>
