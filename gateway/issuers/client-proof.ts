import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { ClientCredentials } from './client-credentials.ts'

const ASSERTION_LIFE_S = 60
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** What of a request shows who the client is. */
export interface ClientProof {
  readonly authorization?: string
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * @param audience  of an assertion: the issuer identifier (RFC 7523bis §4: not the endpoint, which others may have)
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
      // RFC 8705 §2: the certificate shows it, and the parameter says which client is meant.
      return { parameters: { client_id: clientId } }
  }
}

/** RFC 7523 §3, with OpenID Connect Core §9 on `jti`. A new one each time: it may be used once. */
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
