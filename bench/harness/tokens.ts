import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { CodeGrants } from './code-grants.ts'

export const AUDIENCE = 'https://api.bench'
/** Lifetime of the bench issuer's tokens, s. Longer than any benchmark run. */
const LIFE_S = 7200

/**
 * Issuer of the bench: publishes a key set, signs tokens in advance, answers introspection requests, and logs users in.
 */
export class BenchIssuer {
  readonly url: string
  /** Public key of the token signatures (PEM), for programs that cannot fetch a key set. */
  readonly publicKeyPem: string
  readonly #server: Server
  readonly #key: CryptoKey
  /** Introspection responses by opaque token. */
  readonly #opaque = new Map<string, object>()
  /** Number of introspection requests by token. */
  readonly asked = new Map<string, number>()
  readonly #codes = new CodeGrants()

  private constructor(server: Server, key: CryptoKey, publicKeyPem: string) {
    this.#server = server
    this.publicKeyPem = publicKeyPem
    this.#key = key
    this.url = urlOf(server)
  }

  static async start(): Promise<BenchIssuer> {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' }] })
    let bench: BenchIssuer | undefined
    const server = createServer((request, response) => {
      bench!.#answer(request, response, jwks).catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    bench = new BenchIssuer(server, privateKey, await exportSPKI(publicKey))
    return bench
  }

  /** Signs a JWT access token of about 700 bytes, a typical size. @param n  number of the user */
  async token(n: number): Promise<string> {
    const token = new SignJWT(claimsOf(n))
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })
      .setAudience(AUDIENCE)
      .setJti(`jti-${n}`)
    return this.#signed(token, n)
  }

  /** Creates an opaque token with the claims of the JWT for user number `n`. */
  opaque(n: number): string {
    const token = randomBytes(32).toString('base64url')
    const nowS = Math.floor(Date.now() / 1000)
    const more = { iss: this.url, aud: AUDIENCE, sub: `person-${n}`, jti: `jti-${n}`, iat: nowS, exp: nowS + LIFE_S }
    this.#opaque.set(token, { active: true, token_type: 'Bearer', ...claimsOf(n), ...more })
    return token
  }

  async #answer(request: IncomingMessage, response: ServerResponse, jwks: string): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url)
    if (pathname === '/authorize') {
      const next = this.#codes.authorize(this.url, searchParams)
      if (next === undefined) response.writeHead(400).end()
      else response.writeHead(303, { location: next }).end()
      return
    }
    response.setHeader('content-type', 'application/json')
    if (pathname === '/jwks') {
      response.end(jwks)
      return
    }
    const form = new URLSearchParams(await text(request))
    const reply = await this.#reply(pathname, form)
    response.writeHead(reply === undefined ? 400 : 200).end(JSON.stringify(reply ?? { error: 'invalid_grant' }))
  }

  async #reply(pathname: string, form: URLSearchParams): Promise<object | undefined> {
    if (pathname === '/introspect') return this.#introspect(form)
    if (pathname === '/token') return this.#redeem(form)
    return {
      issuer: this.url,
      jwks_uri: `${this.url}/jwks`,
      introspection_endpoint: `${this.url}/introspect`,
      authorization_endpoint: `${this.url}/authorize`,
      token_endpoint: `${this.url}/token`,
      authorization_response_iss_parameter_supported: true,
      id_token_signing_alg_values_supported: ['ES256'],
      code_challenge_methods_supported: ['S256'],
    }
  }

  #introspect(form: URLSearchParams): object {
    const token = form.get('token') ?? ''
    this.asked.set(token, (this.asked.get(token) ?? 0) + 1)
    return this.#opaque.get(token) ?? { active: false }
  }

  /** Token response for an authorization code: an access token like those that `token` makes, and an ID token. */
  async #redeem(form: URLSearchParams): Promise<object | undefined> {
    const grant = this.#codes.redeem(form)
    if (grant === undefined) return undefined
    const { person, client, nonce } = grant
    const idToken = new SignJWT({ nonce }).setProtectedHeader({ alg: 'ES256', kid: 'bench' }).setAudience(client)
    return {
      access_token: await this.token(person),
      token_type: 'Bearer',
      expires_in: LIFE_S,
      id_token: await this.#signed(idToken, person),
    }
  }

  #signed(token: SignJWT, person: number): Promise<string> {
    return token
      .setIssuer(this.url)
      .setSubject(`person-${person}`)
      .setIssuedAt()
      .setExpirationTime(`${LIFE_S}s`)
      .sign(this.#key)
  }

  close(): void {
    this.#server.close()
  }
}

function claimsOf(n: number): Record<string, unknown> {
  return {
    client_id: `client-${n % 20}`,
    scope: 'orders:read orders:write reports:read profile email',
    realm_access: { roles: ['order-manager', 'offline_access', 'uma_authorization'] },
    email: `person-${n}@bench.example`,
    session_state: `b7f3c1d2-5a60-4b0e-9c55-${String(n).padStart(12, '0')}`,
  }
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
