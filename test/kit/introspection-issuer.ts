import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { formOf, started, TestIssuer, type TokenOverrides, testAudience } from './issuer.ts'

/** An introspection request that the issuer received. */
export interface Asked {
  readonly token: string
  readonly form: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly atMs: number
}

/** Reply that replaces the true introspection response. */
export interface Script {
  readonly status?: number
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Delay before the response head, ms. */
  readonly delayMs?: number
  /** True: the issuer keeps the connection open and sends no byte of a reply. */
  readonly silent?: boolean
  /** True: the issuer resets the connection without a reply. */
  readonly reset?: boolean
}

type Claims = Readonly<Record<string, unknown>>

/**
 * A fake issuer with an introspection endpoint (RFC 7662). It issues opaque tokens, and a test can replace each
 * introspection response.
 */
export class IntrospectionIssuer extends TestIssuer {
  /** All introspection requests so far, in order. */
  readonly asked: Asked[] = []
  /**
   * Called for each introspection request: returns a replacement for the response, or `undefined` for the true
   * response.
   */
  script: ((asked: Asked) => Script | undefined) | undefined
  /** Delay of each introspection response, ms. A script can override it. */
  delayMs = 0
  readonly #tokens = new Map<string, Claims>()

  constructor() {
    super()
    this.serve('/introspect', (request, response) => this.#introspect(request, response))
  }

  /** Issues an opaque token. A claim with the value `undefined` is left out of the introspection response. */
  issue(claims: Claims = {}, token = randomBytes(24).toString('base64url')): string {
    const nowS = Math.floor(Date.now() / 1000)
    const good = {
      iss: this.url,
      sub: 'alice',
      client_id: 'reader',
      aud: testAudience,
      scope: 'orders:read',
      token_type: 'Bearer',
      iat: nowS,
      exp: nowS + 3600,
    }
    this.#tokens.set(token, { ...good, ...claims })
    return token
  }

  /** Signs an access token (RFC 9068). The introspection endpoint reports it as active, with the same claims. */
  override sign(wishes: TokenOverrides = {}): string {
    const token = super.sign(wishes)
    this.#tokens.set(token, JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()))
    return token
  }

  revoke(token: string): void {
    this.#tokens.delete(token)
  }

  truth(token: string): object {
    const claims = this.#tokens.get(token)
    return claims === undefined ? { active: false } : { active: true, ...claims }
  }

  askedAbout(token: string): number {
    return this.asked.filter((each) => each.token === token).length
  }

  async #introspect(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST') return void response.writeHead(404).end()
    const form = await formOf(request)
    const asked = { token: form.get('token') ?? '', form, headers: request.headers, atMs: performance.now() }
    this.asked.push(asked)
    const script = this.script?.(asked)
    if (script?.silent === true) return
    if (script?.reset === true) return void request.socket.destroy()
    await sleep(script?.delayMs ?? this.delayMs, undefined, { ref: false })
    const { status = 200, type = 'application/json', headers, body } = script ?? {}
    response.writeHead(status, { 'content-type': type, ...headers })
    response.end(body ?? JSON.stringify(this.truth(asked.token)))
  }

  protected override metadata(): object {
    return { ...super.metadata(), introspection_endpoint: `${this.url}/introspect` }
  }
}

/** Starts an issuer with an introspection endpoint. The issuer stops after the last test of the file. */
export function startIntrospectionIssuer(): Promise<IntrospectionIssuer> {
  return started(new IntrospectionIssuer())
}
