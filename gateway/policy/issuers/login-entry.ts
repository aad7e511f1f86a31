import { z } from 'zod'
import { resourceUrl } from '../../config/resource-url.ts'
import { scopeName } from '../../config/scope-name.ts'
import { duration, text } from '../../config/text-schemas.ts'
import { hostFault } from '../path-pattern.ts'
import { clientAuthKeys } from './client-auth-keys.ts'
import { sessionEntry } from './session-entry.ts'

/**
 * Parameters of an authorization request that a policy cannot set freely: they affect the security of the login, or
 * have their own setting.
 */
const reservedParameters: ReadonlySet<string> = new Set([
  ...['response_type', 'response_mode', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type'],
  ...['redirect_uri', 'scope', 'state', 'nonce', 'code_challenge', 'code_challenge_method', 'request', 'request_uri'],
  ...['prompt', 'resource', 'acr_values', 'max_age', 'dpop_jkt', 'iss'],
])

const claimName = text('the name of a claim', /^[^\s\x00-\x1f\x7f]{1,128}$/)

const hostPattern = z
  .string()
  .max(253)
  .superRefine((host, ctx) => {
    const fault = hostFault(host) ?? (isTopLevelPattern(host) ? 'must have at least two labels after *.' : undefined)
    if (fault !== undefined) ctx.addIssue(fault)
  })

const hostName = hostPattern.refine((host) => !host.startsWith('*'), { error: 'must be one host name, without *' })

/** Whether a pattern covers a whole top-level domain. `localhost` belongs to this machine (RFC 6761 §6.3). */
function isTopLevelPattern(host: string): boolean {
  return host.startsWith('*.') && !host.slice(2).includes('.') && host !== '*.localhost'
}

/**
 * Schema of `login` of an issuer: how browsers log in at this issuer (RFC 6749 §4.1, RFC 7636, OpenID Connect Core
 * §3.1).
 */
export const loginEntry = z
  .strictObject({
    client_id: text('1 to 256 visible characters', /^[\x21-\x7e]{1,256}$/).describe(
      'Client id of the gate at the issuer. Its redirect URI is the public URL with `/.gatehouse/callback`, or ' +
        'with `/.gatehouse/callback/ISSUER`: see `redirect`.',
    ),
    ...clientAuthKeys,
    client_auth: clientAuthKeys.client_auth.describe(
      'Method of client authentication. Default: client_secret_basic with `client_secret`, private_key_jwt with ' +
        '`private_key`, tls_client_auth with `certificate`. With none of them the client is public, and only PKCE ' +
        'protects it.',
    ),
    redirect: z
      .enum(['plain', 'issuer'], { error: 'must be plain or issuer' })
      .optional()
      .describe(
        'Path of the redirect URI. plain: `/.gatehouse/callback`, for at most one issuer. issuer: ' +
          '`/.gatehouse/callback/ISSUER`, with the name of this entry. The same applies to `/oauth2/callback`. ' +
          'Required when browsers log in at several issuers, so that a response of one issuer cannot pass for a ' +
          'response of another (RFC 9700 §4.4). Default with only one login issuer: plain.',
      ),
    host: hostName
      .optional()
      .describe(
        'Host at which browsers log in for all hosts of `return_to`, without a port, listed in `public_url`. Only its ' +
          'redirect URI is registered at the issuer. Default: a browser logs in at each host, with a redirect URI each.',
      ),
    return_to: z
      .array(hostPattern)
      .min(1)
      .max(64)
      .optional()
      .describe(
        'Hosts that share the login at `host`, without ports: host names, or `*.` and a host name for one label before ' +
          'it. A host takes part only if `match.host` of a route that requires a session of this issuer names it, and ' +
          '`public_url` covers it. Each host has its own cookie, which opens nothing on another host. The operator of a ' +
          'host obtains sessions for that host. Required with `host`.',
      ),
    scopes: z
      .array(scopeName)
      .min(1)
      .refine((scopes) => scopes.includes('openid'), {
        error: 'must contain openid, which OpenID Connect logins require',
      })
      .prefault(['openid'])
      .describe(
        'Requested scopes. Default openid. Most issuers return a refresh token only for offline_access; with it a ' +
          'session outlives its access token.',
      ),
    resource: resourceUrl
      .optional()
      .describe('Resource for which the access token is requested (RFC 8707). Default: the issuer decides.'),
    prompt: z
      .enum(['login', 'consent', 'select_account'], { error: 'must be login, consent or select_account' })
      .optional()
      .describe(
        'Value of `prompt`, by which the issuer asks the user at each login (OpenID Connect Core §3.1.2.1). Some ' +
          'issuers return a refresh token only with consent. Default: the issuer decides.',
      ),
    parameters: z
      .record(
        text('the name of a parameter: letters, digits, `_`, `-` and `.`', /^[\w.-]{1,64}$/).refine(
          (name) => !reservedParameters.has(name),
          { error: 'is a parameter that the gate sets itself; use its own setting, if there is one' },
        ),
        text('the value of a parameter: 1 to 512 characters, without control characters', /^[^\x00-\x1f\x7f]{1,512}$/),
      )
      .refine((parameters) => Object.keys(parameters).length <= 16, { error: 'must have at most 16 parameters' })
      .prefault({})
      .describe(
        'Further parameters of authorization requests, such as `access_type: offline`, by which Google grants a refresh ' +
          'token. The browser sees them. Default none, 16 at most.',
      ),
    session_claims: z
      .array(claimName)
      .max(32)
      .prefault(['name', 'preferred_username', 'email'])
      .describe(
        'Claims of the user that a page can read about its user at `/.gatehouse/session`. Default name, ' +
          'preferred_username, email.',
      ),
    subject_claim: claimName
      .optional()
      .describe(
        'Claim by which an access token for the gate and the ID token must name the same user, else the login fails. ' +
          'Default `sub`. Set it, for example to `oid`, at an issuer that gives each client its own `sub`.',
      ),
    claims_max_age: duration({ min: '1s', max: '30d' })
      .prefault('1h')
      .describe(
        'Maximum age of the claims about the user, such as `groups` and `email`. Default 1h, 1s to 30d. Older claims ' +
          'are not used: the gate refreshes the session, or asks the UserInfo endpoint. A user who is removed from a ' +
          'group at the issuer loses its access after at most this time.',
      ),
    session: sessionEntry,
    timeout: duration({ min: '1s', max: '30s' })
      .prefault('10s')
      .describe(
        'Maximum wait for one response of the issuer during a login, and maximum wait until a login may call the issuer: at most 4 logins of ' +
          'one address are completed at the same time. Default 10s, 1s to 30s.',
      ),
  })
  .refine(({ host, return_to }) => (host === undefined) === (return_to === undefined), {
    error: 'must have both host and return_to, or none of them',
  })
  .describe('Lets browsers log in at this issuer. Needs `redis` and `keys.encryption` in the settings.')

export type LoginEntry = z.output<typeof loginEntry>
