import { createHash, randomUUID } from 'node:crypto'
import { CodeIssuer } from './code-issuer.ts'
import { started } from './issuer.ts'
import { loginClient } from './login-provider.ts'

interface Granted {
  readonly redirectUri: string
  readonly nonce: string
  readonly challenge: string
  readonly person: string
}

/**
 * Starts an issuer that follows RFC 6749, RFC 7636 and OpenID Connect Core, but not RFC 9207. It compares registered
 * redirect URIs byte for byte. A code is valid once, for its redirect URI, verifier and client secret. A browser is
 * logged in as the person in its cookie `person`.
 */
export function startHonestIssuer(redirectUris: readonly string[]): Promise<CodeIssuer> {
  const granted = new Map<string, Granted>()
  const issuer: CodeIssuer = new CodeIssuer({
    authorize(query, request) {
      const redirectUri = query.get('redirect_uri') ?? ''
      if (query.get('client_id') !== loginClient.id || !redirectUris.includes(redirectUri)) return undefined
      const person = /person=([a-z]+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'mallory'
      const code = randomUUID()
      const [nonce, challenge] = [query.get('nonce') ?? '', query.get('code_challenge') ?? '']
      granted.set(code, { redirectUri, nonce, challenge, person })
      return `${redirectUri}?${new URLSearchParams({ code, state: query.get('state') ?? '' })}`
    },
    exchange(form, request) {
      const grant = granted.get(form.get('code') ?? '')
      granted.delete(form.get('code') ?? '')
      const basic = Buffer.from(`${loginClient.id}:${loginClient.secret}`).toString('base64')
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url')
      const good =
        grant?.redirectUri === form.get('redirect_uri') &&
        grant?.challenge === challenge &&
        request.headers.authorization === `Basic ${basic}`
      if (!good) return undefined
      const nowS = Math.floor(Date.now() / 1000)
      const { person: sub, nonce } = grant
      const times = { iat: nowS, exp: nowS + 300, auth_time: nowS }
      return issuer.signJwt({ iss: issuer.url, aud: loginClient.id, sub, ...times, nonce })
    },
  })
  return started(issuer)
}

/**
 * Starts an issuer for a mix-up attack (RFC 9700 §4.4.1): it redirects browsers to another issuer with a changed
 * request, and records the codes that it receives.
 *
 * @param onward  returns the location for the browser, computed from the gate's request
 */
export function startMaliciousIssuer(onward: (asked: URLSearchParams) => string): Promise<CodeIssuer> {
  return started(new CodeIssuer({ authorize: onward, exchange: () => undefined }))
}

/** The codes that `issuer` has received at its token endpoint. */
export const codesAt = (issuer: CodeIssuer): string[] => issuer.asked.map((form) => form.get('code') ?? '')
