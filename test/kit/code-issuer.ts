import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { atEnd } from './cleanup.ts'
import { testAudience } from './issuer.ts'
import { loginClient } from './login-provider.ts'
import { listen } from './ports.ts'
import { compactJws, type SigningKey, signingKey } from './signing-key.ts'

/** What is different from a good ID token. A value of `undefined` leaves a member out. */
export interface IdTokenWishes {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  readonly key?: SigningKey
}

/** A login at this issuer as a browser would carry it: what the gate sent, and the reply that a test makes of it. */
export interface PendingLogin {
  readonly state: string
  readonly nonce: string
  readonly parameters: URLSearchParams
}

/**
 * An authorization server without pages, that gives for any code whatever it is told to. Its public identifier may have
 * tokens of every wrong kind.
 */
export class CodeIssuer {
  port = 0
  readonly key: SigningKey = signingKey('ES256')
  /** Published beside `key`. */
  readonly newKeys: SigningKey[] = []
  /** Requests to the token endpoint so far. */
  readonly asked: URLSearchParams[] = []
  readonly revoked: URLSearchParams[] = []
  /** Takes pushed requests (RFC 9126). */
  pushes = false
  readonly pushed: URLSearchParams[] = []
  /** Of the next grants. */
  idToken: IdTokenWishes | undefined = {}
  accessToken: string | undefined
  /** Claims of the next access tokens, laid over the usual ones. */
  accessClaims: Readonly<Record<string, unknown>> = {}
  /** `token_type` of the next grants. */
  tokenType: unknown = 'Bearer'
  /** `expires_in` of the next grants, s; `undefined`: it does not say. */
  expiresInS: number | undefined = 300
  /** What the token endpoint answers instead. */
  failure: { readonly status: number; readonly body: string } | undefined
  /** Answers of the token endpoint wait for it. */
  held: Promise<void> | undefined
  /** Replies with metadata wait for it. */
  metadataHeld: Promise<void> | undefined
  /** Before the reply to a code exchange. */
  hold: Promise<void> | undefined
  /** Code exchanges that have no reply yet, and the most at a time. */
  exchanging = 0
  exchangingMost = 0
  /** Its key set cannot be had. */
  keysGone = false
  /** Of the login that is under way. */
  nonce = ''
  /** What revocation is answered with. */
  revocation: { readonly status: number; readonly body: string } = { status: 200, body: '' }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#reply(request, response))
    this.port = await listen(server)
    atEnd(async () => {
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      await closed
    })
  }

  /** What the gate asks for, by the URL that it sends a browser to. */
  pending(url: string): PendingLogin {
    const parameters = new URL(url).searchParams
    this.nonce = parameters.get('nonce') ?? ''
    return { state: parameters.get('state') ?? '', nonce: this.nonce, parameters }
  }

  sign(
    claims: Readonly<Record<string, unknown>>,
    header: Readonly<Record<string, unknown>> = {},
    key = this.key,
  ): string {
    return compactJws({ alg: key.alg, kid: key.kid, ...header }, claims, key)
  }

  logoutToken(wishes: IdTokenWishes = {}): string {
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
    return this.sign({ ...good, ...wishes.claims }, { typ: 'logout+jwt', ...wishes.header }, wishes.key)
  }

  #accessToken(): string {
    const nowS = Math.floor(Date.now() / 1000)
    const claims = {
      iss: this.url,
      sub: 'alice',
      client_id: loginClient.id,
      aud: testAudience,
      iat: nowS,
      exp: nowS + 300,
    }
    return this.sign({ ...claims, jti: randomUUID(), scope: 'orders:read', ...this.accessClaims }, { typ: 'at+jwt' })
  }

  #idToken({ header, claims, key }: IdTokenWishes, accessToken: string, nonce = this.nonce): string {
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
    return this.sign({ ...good, auth_time: nowS, sid: 'sid-1', ...claims }, header, key)
  }

  async #reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const json = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    const { pathname } = new URL(request.url ?? '/', this.url)
    if (pathname === '/.well-known/openid-configuration') {
      await this.metadataHeld
      return json(200, this.#metadata())
    }
    if (pathname === '/keys')
      return json(this.keysGone ? 503 : 200, { keys: [this.key, ...this.newKeys].map(({ publicJwk }) => publicJwk) })
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    const form = new URLSearchParams(text)
    if (pathname === '/revoke') {
      this.revoked.push(form)
      return json(this.revocation.status, this.revocation.body)
    }
    if (pathname === '/push') {
      this.pushed.push(form)
      if (this.failure !== undefined) return json(this.failure.status, this.failure.body)
      return json(201, { request_uri: `urn:test:${this.pushed.length}`, expires_in: 60 })
    }
    if (pathname !== '/token') return json(404, {})
    this.asked.push(form)
    await this.held
    if (form.get('grant_type') === 'authorization_code') await this.#exchange()
    if (this.failure !== undefined) return json(this.failure.status, this.failure.body)
    const accessToken = this.accessToken ?? this.#accessToken()
    json(200, {
      access_token: accessToken,
      token_type: this.tokenType,
      expires_in: this.expiresInS,
      refresh_token: `refresh-${randomUUID()}`,
      ...(this.idToken && { id_token: this.#idToken(this.idToken, accessToken, nonceIn(form.get('code'))) }),
    })
  }

  async #exchange(): Promise<void> {
    this.exchanging++
    this.exchangingMost = Math.max(this.exchangingMost, this.exchanging)
    await this.hold
    this.exchanging--
  }

  #metadata(): object {
    return {
      issuer: this.url,
      authorization_endpoint: `${this.url}/auth`,
      token_endpoint: `${this.url}/token`,
      revocation_endpoint: `${this.url}/revoke`,
      ...(this.pushes && { pushed_authorization_request_endpoint: `${this.url}/push` }),
      end_session_endpoint: `${this.url}/end`,
      jwks_uri: `${this.url}/keys`,
      authorization_response_iss_parameter_supported: true,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256', 'PS256'],
      code_challenge_methods_supported: ['S256'],
    }
  }
}

/** Logins that go on at once have a nonce each: a code may name the one of its login. */
function nonceIn(code: string | null): string | undefined {
  return /^code-for\.(.+)$/.exec(code ?? '')?.[1]
}

/** Starts one, which stops when the file's tests are over. */
export async function startCodeIssuer({ keysGone = false } = {}): Promise<CodeIssuer> {
  const issuer = new CodeIssuer()
  issuer.keysGone = keysGone
  await issuer.start()
  return issuer
}
