import { createHash, randomBytes } from 'node:crypto'

/** User, client and nonce for which an authorization code was issued. */
export interface CodeGrant {
  readonly person: number
  readonly client: string
  readonly nonce: string
}

interface Asked extends CodeGrant {
  readonly redirectUri: string
  readonly challenge: string
}

/**
 * Authorization endpoint of the bench issuer (RFC 6749 §4.1, with PKCE), without login pages: the query parameter
 * `person` names the user.
 */
export class CodeGrants {
  readonly #asked = new Map<string, Asked>()

  /**
   * Handles an authorization request.
   *
   * @returns the redirect URI with a code; `undefined` when a parameter of the request is missing
   */
  authorize(issuer: string, query: URLSearchParams): string | undefined {
    const { redirect_uri: redirectUri, code_challenge: challenge, state, nonce, ...more } = Object.fromEntries(query)
    const { client_id: client, person } = more
    if (!redirectUri || !challenge || !state || !nonce || !client || !person) return undefined
    const code = randomBytes(16).toString('base64url')
    this.#asked.set(code, { person: Number(person), client, nonce, redirectUri, challenge })
    return `${redirectUri}?${new URLSearchParams({ code, state, iss: issuer })}`
  }

  /**
   * Redeems an authorization code once. Returns `undefined` for an unknown or used code, and for a wrong code verifier
   * or redirect URI.
   */
  redeem(form: URLSearchParams): CodeGrant | undefined {
    const code = form.get('code') ?? ''
    const asked = this.#asked.get(code)
    this.#asked.delete(code)
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (asked?.challenge !== challenge || asked.redirectUri !== form.get('redirect_uri')) return undefined
    return asked
  }
}
