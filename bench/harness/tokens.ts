import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import { CodeGrants } from './code-grants.ts'

export const AUDIENCE = 'https://api.bench'
/** Default lifetime of the bench issuer's tokens, s. Longer than the benchmarks that do not replace their tokens. */
const LIFE_S = 7200
/** Number of published keys: the next one, the one that signs, and earlier ones, whose tokens are still valid. */
const PUBLISHED_KEYS = 4

/** Key pair of the bench issuer. */
interface SigningKey {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: object
}

/**
 * Issuer of the bench: publishes a key set, signs tokens in advance, answers introspection requests, and logs users in.
 */
export class BenchIssuer {
  readonly url: string
  /** Public key of the token signatures (PEM), for programs that cannot fetch a key set. */
  readonly publicKeyPem: string
  readonly #server: Server
  /** Published keys, newest first: the first one is published before it signs. */
  readonly #keys: SigningKey[]
  readonly #lifeS: number
  /** Introspection responses by opaque token. */
  readonly #opaque = new Map<string, object>()
  /** Number of introspection requests by token. */
  readonly asked = new Map<string, number>()
  readonly #codes = new CodeGrants()

  private constructor(server: Server, keys: SigningKey[], publicKeyPem: string, lifeS: number) {
    this.#server = server
    this.publicKeyPem = publicKeyPem
    this.#keys = keys
    this.#lifeS = lifeS
    this.url = urlOf(server)
  }

  /** @param lifeS  lifetime of the tokens, s */
  static async start(lifeS = LIFE_S): Promise<BenchIssuer> {
    const { publicKey, ...first } = await newKey()
    let bench: BenchIssuer | undefined
    const server = createServer((request, response) => {
      bench!.#answer(request, response).catch(() => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    bench = new BenchIssuer(server, [await newKey(), first], await exportSPKI(publicKey), lifeS)
    return bench
  }

  /** Signs with the published next key from now on, and publishes another next key. */
  async rotate(): Promise<void> {
    this.#keys.unshift(await newKey())
    this.#keys.splice(PUBLISHED_KEYS)
  }

  /**
   * Signs a JWT access token of about 700 bytes, a typical size.
   *
   * @param n  number of the token, which determines its `jti`
   * @param person  number of the user
   */
  async token(n: number, person = n): Promise<string> {
    const token = new SignJWT(claimsOf(person)).setAudience(AUDIENCE).setJti(`jti-${n}`)
    return this.#signed(token, person, { typ: 'at+jwt' })
  }

  /** Creates an opaque token with the claims of the JWT for user number `n`. */
  opaque(n: number): string {
    const token = randomBytes(32).toString('base64url')
    const nowS = Math.floor(Date.now() / 1000)
    const more = {
      iss: this.url,
      aud: AUDIENCE,
      sub: `person-${n}`,
      jti: `jti-${n}`,
      iat: nowS,
      exp: nowS + this.#lifeS,
    }
    this.#opaque.set(token, { active: true, token_type: 'Bearer', ...claimsOf(n), ...more })
    return token
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url)
    if (pathname === '/authorize') {
      const next = this.#codes.authorize(this.url, searchParams)
      if (next === undefined) response.writeHead(400).end()
      else response.writeHead(303, { location: next }).end()
      return
    }
    response.setHeader('content-type', 'application/json')
    if (pathname === '/jwks') {
      response.end(JSON.stringify({ keys: this.#keys.map(({ jwk }) => jwk) }))
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
    const idToken = new SignJWT({ nonce }).setAudience(client)
    return {
      access_token: await this.token(person),
      token_type: 'Bearer',
      expires_in: this.#lifeS,
      id_token: await this.#signed(idToken, person),
    }
  }

  #signed(token: SignJWT, person: number, header: { readonly typ?: string } = {}): Promise<string> {
    const { kid, privateKey } = this.#keys[1]!
    return token
      .setProtectedHeader({ alg: 'ES256', kid, ...header })
      .setIssuer(this.url)
      .setSubject(`person-${person}`)
      .setIssuedAt()
      .setExpirationTime(`${this.#lifeS}s`)
      .sign(privateKey)
  }

  close(): void {
    this.#server.close()
  }
}

async function newKey(): Promise<SigningKey & { readonly publicKey: CryptoKey }> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const kid = randomBytes(8).toString('base64url')
  return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } }
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
