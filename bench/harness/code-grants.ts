import { createHash, randomBytes } from 'node:crypto'

/** Data of an authorization code. */
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
 * The authorization code grant (RFC 6749 §4.1, with PKCE) without a page. The parameter `person` in the URL names the
 * user.
 */
export class CodeGrants {
  readonly #asked = new Map<string, Asked>()

  /** @returns the redirect target; `undefined`: not an authorization request */
  authorize(issuer: string, query: URLSearchParams): string | undefined {
    const { redirect_uri: redirectUri, code_challenge: challenge, state, nonce, ...more } = Object.fromEntries(query)
    const { client_id: client, person } = more
    if (!redirectUri || !challenge || !state || !nonce || !client || !person) return undefined
    const code = randomBytes(16).toString('base64url')
    this.#asked.set(code, { person: Number(person), client, nonce, redirectUri, challenge })
    return `${redirectUri}?${new URLSearchParams({ code, state, iss: issuer })}`
  }

  /** Redeems a code once. `undefined`: the code belongs to another client, or is already used. */
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
