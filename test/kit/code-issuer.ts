import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Answer, formOf, started, TestIssuer } from './issuer.ts'
import { loginClient } from './login-provider.ts'
import { compactJws, type SigningKey } from './signing-key.ts'

/** The differences from a valid ID token. A value of `undefined` leaves a member out. */
export interface IdTokenOverrides {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  readonly key?: SigningKey
}

/** A login at this issuer as a browser carries it: what the gate sent. The test makes the reply. */
export interface PendingLogin {
  readonly state: string
  readonly nonce: string
  readonly parameters: URLSearchParams
}

type EndpointAnswer = { readonly status: number; readonly body: string }

/** The behaviour of an issuer that checks codes and client itself (`endpoint-issuer.ts`). */
export interface CodeRules {
  /** The location to which the authorization endpoint sends the browser; `undefined` for an error page. */
  authorize(query: URLSearchParams, request: IncomingMessage): string | undefined
  /** The ID token for a code; `undefined` for `invalid_grant`. */
  exchange(form: URLSearchParams, request: IncomingMessage): string | undefined
}

/**
 * A fake issuer with the endpoints of the authorization code flow, and without pages. Without `rules` it accepts any
 * code and any client, and gives the tokens that the test sets.
 */
export class CodeIssuer extends TestIssuer {
  /** Requests to the token endpoint so far. */
  readonly asked: URLSearchParams[] = []
  readonly revoked: URLSearchParams[] = []
  /** Takes pushed requests (RFC 9126). */
  pushes = false
  readonly pushed: URLSearchParams[] = []
  /** ID token of the next grants; `undefined` for none. */
  idToken: IdTokenOverrides | undefined = {}
  accessToken: string | undefined
  /** Claims of the next access tokens, laid over the usual ones. */
  accessClaims: Readonly<Record<string, unknown>> = {}
  /** `token_type` of the next grants. */
  tokenType: unknown = 'Bearer'
  /** `expires_in` of the next grants, s; `undefined` leaves it out. */
  expiresInS: number | undefined = 300
  /** Replaces the answer of the token endpoint and of the endpoint for pushed requests. */
  failure: EndpointAnswer | undefined
  /** The reply of the token endpoint waits for this. Default: no wait. */
  held: ((form: URLSearchParams) => Promise<void> | undefined) | undefined
  /** Number of code exchanges that have no reply yet, and its maximum. */
  exchanging = 0
  exchangingMost = 0
  /** Nonce of the login in progress. */
  nonce = ''
  /** Answer of the revocation endpoint. */
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
    this.serve('/revoke', async (request, response) => {
      this.revoked.push(await formOf(request))
      json(response, this.revocation)
    })
  }

  /** Reads what the gate asks for from the URL to which it sends a browser. */
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

  /** Code exchanges get no reply until the result is called. Other grants are not held. */
  holdExchanges(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.exchangingMost = 0
    this.held = (form) => (isExchange(form) ? promise : undefined)
    return resolve
  }

  #accessToken(): string {
    const exp = Math.floor(Date.now() / 1000) + 300
    return this.sign({ claims: { client_id: loginClient.id, exp, ...this.accessClaims } })
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
    // An issuer with rules does not state itself in its replies (RFC 9207).
    if (this.#rules !== undefined) return metadata
    return {
      ...metadata,
      revocation_endpoint: `${this.url}/revoke`,
      end_session_endpoint: `${this.url}/end`,
      authorization_response_iss_parameter_supported: true,
    }
  }
}

const isExchange = (form: URLSearchParams): boolean => form.get('grant_type') === 'authorization_code'

/** Concurrent logins have different nonces: a code may name the nonce of its login. */
function nonceIn(code: string | null): string | undefined {
  return /^code-for\.(.+)$/.exec(code ?? '')?.[1]
}

function json(response: ServerResponse, { status, body }: EndpointAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

/** Starts an issuer, which stops when the file's tests are over. @param keys  answer for the key set; default: the keys */
export async function startCodeIssuer({ keys }: { readonly keys?: Answer | undefined } = {}): Promise<CodeIssuer> {
  const issuer = new CodeIssuer()
  issuer.answer('keys', keys)
  return started(issuer)
}
