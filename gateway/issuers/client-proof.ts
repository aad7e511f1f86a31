import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { ClientCredentials } from './client-credentials.ts'

const ASSERTION_LIFE_S = 60
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** The header field value and form parameters that authenticate the gate as a client in one request. */
export interface ClientProof {
  readonly authorization?: string
  readonly parameters: Readonly<Record<string, string>>
  /**
   * The client secret in the request. It is removed from error descriptions of the issuer, which could repeat the
   * secret.
   */
  readonly secret?: string
}

/**
 * Builds the client authentication for one request to an issuer.
 *
 * @param audience  value for the claim `aud` of a client assertion: the issuer identifier. It is not the URL of the
 *   endpoint, because two issuers could have the same endpoint (RFC 7523bis §4)
 */
export async function clientProof(
  credentials: ClientCredentials,
  clientId: string,
  audience: string,
): Promise<ClientProof> {
  switch (credentials.method) {
    case 'none':
      return { parameters: { client_id: clientId } }
    case 'client_secret_basic': {
      // Form-encode client id and secret separately, before they are joined by a colon (RFC 6749 §2.3.1).
      const pair = `${formEncoded(clientId)}:${formEncoded(credentials.secret)}`
      return {
        authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
        parameters: {},
        secret: credentials.secret,
      }
    }
    case 'client_secret_post':
      return {
        parameters: { client_id: clientId, client_secret: credentials.secret },
        secret: credentials.secret,
      }
    case 'private_key_jwt': {
      const assertion = await signed(credentials.key, clientId, audience)
      return {
        parameters: { client_id: clientId, client_assertion_type: ASSERTION_TYPE, client_assertion: assertion },
      }
    }
    case 'tls_client_auth':
      // Send only `client_id`, which names the client: the TLS certificate authenticates it (RFC 8705 §2).
      return { parameters: { client_id: clientId } }
  }
}

/**
 * Signs a client assertion (RFC 7523 §3, with `jti` as in OpenID Connect Core §9). Each request needs a new assertion,
 * because an issuer accepts each assertion only once.
 */
function signed(
  { key, algorithm, keyId }: Extract<ClientCredentials, { method: 'private_key_jwt' }>['key'],
  clientId: string,
  audience: string,
): Promise<string> {
  const issuedAtS = Math.floor(Date.now() / 1000)
  return new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: algorithm, ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(audience)
    .setIssuedAt(issuedAtS)
    .setExpirationTime(issuedAtS + ASSERTION_LIFE_S)
    .sign(key)
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
