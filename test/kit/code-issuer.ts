import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Answer, formOf, started, TestIssuer } from './issuer.ts'
import { loginClient } from './login-provider.ts'
import { compactJws, type SigningKey } from './signing-key.ts'

/** Differences from a valid ID token; a value of `undefined` leaves a member out. */
export interface IdTokenOverrides {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  readonly key?: SigningKey
}

/** The gate's authorization request, read from the URL to which the gate redirects the browser. */
export interface PendingLogin {
  readonly state: string
  readonly nonce: string
  readonly parameters: URLSearchParams
}

type EndpointAnswer = { readonly status: number; readonly body: string }

/** Rules of an issuer that checks codes and client credentials itself (`endpoint-issuer.ts`). */
export interface CodeRules {
  /** Returns the location to which the authorization endpoint redirects the browser; `undefined` for an error page. */
  authorize(query: URLSearchParams, request: IncomingMessage): string | undefined
  /** Returns the ID token for a code; `undefined` for the error `invalid_grant`. */
  exchange(form: URLSearchParams, request: IncomingMessage): string | undefined
}

/**
 * A fake issuer with the endpoints of the authorization code flow, but without pages. Without `rules` the issuer
 * accepts any code and any client, and issues the tokens that the test sets.
 */
export class CodeIssuer extends TestIssuer {
  /** Forms of all requests to the token endpoint so far. */
  readonly asked: URLSearchParams[] = []
  readonly revoked: URLSearchParams[] = []
  /** Whether the metadata name an endpoint for pushed authorization requests (RFC 9126). */
  pushes = false
  readonly pushed: URLSearchParams[] = []
  /** Overrides for the ID token in the next token responses; `undefined`: the response has no ID token. */
  idToken: IdTokenOverrides | undefined = {}
  accessToken: string | undefined
  /** Claims of the next access tokens, merged over the default claims. */
  accessClaims: Readonly<Record<string, unknown>> = {}
  /** Value of `token_type` in the next token responses. */
  tokenType: unknown = 'Bearer'
  /** Value of `expires_in` in the next token responses, s; `undefined` leaves the field out. */
  expiresInS: number | undefined = 300
  /** Reply of the token endpoint and of the endpoint for pushed requests, in place of the normal reply. */
  failure: EndpointAnswer | undefined
  /** Returns a promise for which the token endpoint waits before it replies. Default: no wait. */
  held: ((form: URLSearchParams) => Promise<void> | undefined) | undefined
  /** Number of code exchanges without a reply so far; `exchangingMost` is the maximum of this number. */
  exchanging = 0
  exchangingMost = 0
  /** Nonce of the newest login, set by `pending`. */
  nonce = ''
  /** Body of the next UserInfo responses; `undefined`: the metadata names no UserInfo endpoint. */
  userInfo: object | undefined
  /** Reply of the revocation endpoint to every request. */
  revocation: EndpointAnswer = { status: 200, body: '' }
  readonly #rules: CodeRules | undefined

  constructor(rules?: CodeRules) {
    super()
    this.#rules = rules
    this.serve('/auth', (request, response) => this.#authorize(request, response))
    this.serve('/token', (request, response) => this.#token(request, response))
    this.serve('/push', async (request, response) => {
      this.pushed.push(await formOf(request))
      const taken = { request_uri: `urn:test:${this.pushed.length}`, expires_in: 60 }
      json(response, this.failure ?? { status: 201, body: JSON.stringify(taken) })
    })
    this.serve('/me', (_, response) => json(response, { status: 200, body: JSON.stringify(this.userInfo) }))
    this.serve('/revoke', async (request, response) => {
      this.revoked.push(await formOf(request))
      json(response, this.revocation)
    })
  }

  /** Reads the authorization request from the URL to which the gate redirects a browser, and remembers its nonce. */
  pending(url: string): PendingLogin {
    const parameters = new URL(url).searchParams
    this.nonce = parameters.get('nonce') ?? ''
    return { state: parameters.get('state') ?? '', nonce: this.nonce, parameters }
  }

  signJwt(
    claims: Readonly<Record<string, unknown>>,
    header: Readonly<Record<string, unknown>> = {},
    key = this.key,
  ): string {
    return compactJws({ alg: key.alg, kid: key.kid, ...header }, claims, key)
  }

  logoutToken(wishes: IdTokenOverrides = {}): string {
    const nowS = Math.floor(Date.now() / 1000)
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const good = {
      iss: this.url,
      aud: loginClient.id,
      iat: nowS,
      exp: nowS + 120,
      jti: randomUUID(),
      events,
      sub: 'alice',
    }
    return this.signJwt({ ...good, ...wishes.claims }, { typ: 'logout+jwt', ...wishes.header }, wishes.key)
  }

  /** Delays the replies to code exchanges until the returned function is called. Other grant types are not delayed. */
  holdExchanges(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.exchangingMost = 0
    this.held = (form) => (isExchange(form) ? promise : undefined)
    return resolve
  }

  #accessToken(): string {
    const exp = Math.floor(Date.now() / 1000) + 300
    // The access token and the ID token are of one user, unless the test sets `accessClaims`.
    const sub = this.idToken?.claims?.['sub'] ?? 'alice'
    return this.sign({ claims: { client_id: loginClient.id, exp, sub, ...this.accessClaims } })
  }

  #idToken({ header, claims, key }: IdTokenOverrides, accessToken: string, nonce = this.nonce): string {
    const nowS = Math.floor(Date.now() / 1000)
    const hash = createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
    const good = {
      iss: this.url,
      aud: loginClient.id,
      sub: 'alice',
      iat: nowS,
      exp: nowS + 300,
      nonce,
      at_hash: hash,
    }
    return this.signJwt({ ...good, auth_time: nowS, sid: 'sid-1', ...claims }, header, key)
  }

  #authorize(request: IncomingMessage, response: ServerResponse): void {
    const location = this.#rules?.authorize(new URL(request.url ?? '', this.url).searchParams, request)
    if (location === undefined) response.writeHead(400).end('not registered')
    else response.writeHead(303, { location }).end()
  }

  async #token(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = await formOf(request)
    this.asked.push(form)
    if (isExchange(form)) this.exchangingMost = Math.max(this.exchangingMost, ++this.exchanging)
    try {
      await this.held?.(form)
    } finally {
      if (isExchange(form)) this.exchanging--
    }
    json(response, this.failure ?? this.#granted(form, request))
  }

  #granted(form: URLSearchParams, request: IncomingMessage): EndpointAnswer {
    if (this.#rules !== undefined) {
      const idToken = this.#rules.exchange(form, request)
      if (idToken === undefined) return { status: 400, body: '{"error":"invalid_grant"}' }
      const tokens = { access_token: randomUUID(), token_type: 'Bearer', expires_in: 300, id_token: idToken }
      return { status: 200, body: JSON.stringify(tokens) }
    }
    const accessToken = this.accessToken ?? this.#accessToken()
    const tokens = {
      access_token: accessToken,
      token_type: this.tokenType,
      expires_in: this.expiresInS,
      refresh_token: `refresh-${randomUUID()}`,
      ...(this.idToken && { id_token: this.#idToken(this.idToken, accessToken, nonceIn(form.get('code'))) }),
    }
    return { status: 200, body: JSON.stringify(tokens) }
  }

  protected override metadata(): object {
    const metadata = {
      ...super.metadata(),
      authorization_endpoint: `${this.url}/auth`,
      id_token_signing_alg_values_supported: ['ES256', 'RS256', 'PS256'],
      code_challenge_methods_supported: ['S256'],
      ...(this.pushes && { pushed_authorization_request_endpoint: `${this.url}/push` }),
    }
    // An issuer with rules does not send `iss` in authorization responses (RFC 9207).
    if (this.#rules !== undefined) return metadata
    return {
      ...metadata,
      ...(this.userInfo && { userinfo_endpoint: `${this.url}/me` }),
      revocation_endpoint: `${this.url}/revoke`,
      end_session_endpoint: `${this.url}/end`,
      authorization_response_iss_parameter_supported: true,
    }
  }
}

const isExchange = (form: URLSearchParams): boolean => form.get('grant_type') === 'authorization_code'

/**
 * Reads the nonce from a code of the form `code-for.<nonce>`. Concurrent logins have different nonces, so the code
 * tells which nonce belongs into the ID token.
 */
function nonceIn(code: string | null): string | undefined {
  return /^code-for\.(.+)$/.exec(code ?? '')?.[1]
}

function json(response: ServerResponse, { status, body }: EndpointAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

/**
 * Starts a `CodeIssuer`, which stops after the last test of the file. @param keys  reply for the key set; default: the
 * keys
 */
export async function startCodeIssuer({ keys }: { readonly keys?: Answer | undefined } = {}): Promise<CodeIssuer> {
  const issuer = new CodeIssuer()
  issuer.answer('keys', keys)
  return started(issuer)
}
