import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'

export const AUDIENCE = 'https://api.bench'

/** An issuer that publishes its keys, and signs as many tokens as a scenario wants before it starts. */
export class BenchIssuer {
  readonly url: string
  /** For those who do not fetch keys. */
  readonly publicKeyPem: string
  readonly #server: Server
  readonly #key: CryptoKey
  /** What opaque tokens stand for. */
  readonly #opaque = new Map<string, object>()
  /** How often it was asked about each. */
  readonly asked = new Map<string, number>()

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
      const issuer = urlOf(server)
      if (request.url === '/introspect') return void bench!.#introspect(request, response)
      response.setHeader('content-type', 'application/json')
      if (request.url === '/jwks') response.end(jwks)
      else
        response.end(
          JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks`, introspection_endpoint: `${issuer}/introspect` }),
        )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    bench = new BenchIssuer(server, privateKey, await exportSPKI(publicKey))
    return bench
  }

  /** About 700 bytes each, as real ones are. */
  async token(n: number): Promise<string> {
    return new SignJWT(claimsOf(n))
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })
      .setIssuer(this.url)
      .setAudience(AUDIENCE)
      .setSubject(`person-${n}`)
      .setJti(`jti-${n}`)
      .setIssuedAt()
      .setExpirationTime('2h')
      .sign(this.#key)
  }

  /** One that stands for the same as the JWT of that number. */
  opaque(n: number): string {
    const token = randomBytes(32).toString('base64url')
    const nowS = Math.floor(Date.now() / 1000)
    const more = { iss: this.url, aud: AUDIENCE, sub: `person-${n}`, jti: `jti-${n}`, iat: nowS, exp: nowS + 7200 }
    this.#opaque.set(token, { active: true, token_type: 'Bearer', ...claimsOf(n), ...more })
    return token
  }

  async #introspect(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let form = ''
    for await (const chunk of request) form += String(chunk)
    const token = new URLSearchParams(form).get('token') ?? ''
    this.asked.set(token, (this.asked.get(token) ?? 0) + 1)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(this.#opaque.get(token) ?? { active: false }))
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
