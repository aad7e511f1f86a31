import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { ClientCredentials } from './client-credentials.ts'

const ASSERTION_LIFE_S = 60
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** The parts of a request that authenticate the client. */
export interface ClientProof {
  readonly authorization?: string
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * Builds the client authentication of one request.
 *
 * @param audience  of an assertion: the issuer identifier, not the endpoint, which another issuer may share (RFC
 *   7523bis §4)
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
      // RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
      const pair = `${formEncoded(clientId)}:${formEncoded(credentials.secret)}`
      return { authorization: `Basic ${Buffer.from(pair).toString('base64')}`, parameters: {} }
    }
    case 'client_secret_post':
      return { parameters: { client_id: clientId, client_secret: credentials.secret } }
    case 'private_key_jwt': {
      const assertion = await signed(credentials.key, clientId, audience)
      return {
        parameters: { client_id: clientId, client_assertion_type: ASSERTION_TYPE, client_assertion: assertion },
      }
    }
    case 'tls_client_auth':
      // RFC 8705 §2: the certificate authenticates the client, and the parameter names it.
      return { parameters: { client_id: clientId } }
  }
}

/**
 * Signs a client assertion (RFC 7523 §3, with `jti` as in OpenID Connect Core §9). Each request needs a new one,
 * because an assertion may be used only once.
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
