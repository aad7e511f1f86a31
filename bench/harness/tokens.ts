import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'

export const AUDIENCE = 'https://api.bench'

/** An issuer that publishes its keys, and signs as many tokens as a scenario wants before it starts. */
export class BenchIssuer {
  readonly url: string
  readonly #server: Server
  readonly #key: CryptoKey

  private constructor(server: Server, key: CryptoKey) {
    this.#server = server
    this.#key = key
    this.url = urlOf(server)
  }

  static async start(): Promise<BenchIssuer> {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' }] })
    const server = createServer((request, response) => {
      const issuer = urlOf(server)
      response.setHeader('content-type', 'application/json')
      if (request.url === '/jwks') response.end(jwks)
      else response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new BenchIssuer(server, privateKey)
  }

  /** About 700 bytes each, as real ones are. */
  async token(n: number): Promise<string> {
    return new SignJWT({
      client_id: `client-${n % 20}`,
      scope: 'orders:read orders:write reports:read profile email',
      realm_access: { roles: ['order-manager', 'offline_access', 'uma_authorization'] },
      email: `person-${n}@bench.example`,
      session_state: `b7f3c1d2-5a60-4b0e-9c55-${String(n).padStart(12, '0')}`,
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })
      .setIssuer(this.url)
      .setAudience(AUDIENCE)
      .setSubject(`person-${n}`)
      .setJti(`jti-${n}`)
      .setIssuedAt()
      .setExpirationTime('2h')
      .sign(this.#key)
  }

  close(): void {
    this.#server.close()
  }
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
