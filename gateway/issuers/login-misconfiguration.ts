import * as openid from 'openid-client'
import { secretSource } from '../base/secret.ts'
import type { LoginRules } from '../oauth/token-facts.ts'
import { issuerText } from './issuer-text.ts'

/**
 * A call of the login that the issuer rejected. An operator must compare its values with the registration of the gate's
 * client at the issuer.
 */
interface RejectedCall {
  readonly login: LoginRules
  /** Path of the login's settings, such as `issuers.corp.login`. */
  readonly place: string
  readonly redirectUri: string | undefined
  /** Secrets in the rejected call, which are removed from texts of the issuer. */
  readonly secrets: readonly string[]
}

/**
 * Error codes that concern the gate as an OAuth client or the request of the gate, not the user or the code (RFC 6749
 * §4.1.2.1 and §5.2, RFC 8707 §2; some issuers send `invalid_redirect_uri`). If the user logs in again, the issuer
 * sends the same error.
 */
const aboutGate: ReadonlySet<string> = new Set([
  'invalid_client',
  'invalid_redirect_uri',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
])

/**
 * Describes for the log an error of the issuer whose cause an operator must remove, and says how.
 *
 * @param any  true when an operator must resolve every error reply, because nothing in the request comes from the
 *   browser
 * @returns `undefined` for any other error
 */
export function misconfigurationIn(error: unknown, call: RejectedCall, any = false): string | undefined {
  const { code, description } = statedIn(error)
  if (code === undefined || !(any || aboutGate.has(code))) return undefined
  const said = description === undefined || description === '' ? '' : `: ${issuerText(description, call.secrets)}`
  return `the issuer rejects the login as configured (${issuerText(code, call.secrets)}${said}); ${remedyOf(code, description, call)}`
}

function statedIn(error: unknown): { readonly code: string | undefined; readonly description: string | undefined } {
  if (error instanceof openid.AuthorizationResponseError) return stated(error)
  if (error instanceof openid.ResponseBodyError && error.status < 500 && error.status !== 429) return stated(error)
  // Report status 401 without an error code as `invalid_client`: the issuer refused the client (RFC 6749 §5.2).
  if (error instanceof openid.WWWAuthenticateChallengeError && error.status === 401) {
    return { code: 'invalid_client', description: 'status 401' }
  }
  return { code: undefined, description: undefined }
}

function stated({
  error,
  error_description,
}: {
  readonly error: string
  readonly error_description?: string | undefined
}) {
  return { code: error, description: error_description }
}

function remedyOf(
  code: string,
  description: string | undefined,
  { login, place: at, redirectUri }: RejectedCall,
): string {
  const register = `register the redirect URI ${redirectUri ?? 'of the gate'} for client ${login.clientId} at the issuer`
  if (code === 'invalid_redirect_uri' || /redirect/i.test(description ?? '')) return register
  switch (code) {
    case 'invalid_client':
      return `compare ${at}.client_id, client_auth and ${credentialOf(login)} with the client at the issuer`
    case 'invalid_scope':
      return `allow the scopes ${login.scopes.join(' ')} for client ${login.clientId} at the issuer, or change ${at}.scopes`
    case 'invalid_target':
      return `change ${at}.resource, or allow it for client ${login.clientId} at the issuer`
    case 'unauthorized_client':
    case 'unsupported_grant_type':
    case 'unsupported_response_type':
      return `allow client ${login.clientId} the authorization code flow and refresh tokens at the issuer`
    default:
      return `${register}, and compare ${at} with the client at the issuer`
  }
}

function credentialOf({ auth }: LoginRules): string {
  switch (auth.method) {
    case 'none':
      return 'client_secret (not set)'
    case 'client_secret_basic':
    case 'client_secret_post':
      return `client_secret (${secretSource(auth.secret)})`
    case 'private_key_jwt':
      return `private_key (${secretSource(auth.key)})`
    case 'tls_client_auth':
      return `certificate (${auth.certFile})`
  }
}
