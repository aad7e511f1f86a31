import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { atEnd } from './cleanup.ts'
import { testAudience } from './issuer.ts'
import { listen } from './ports.ts'
import { compactJws, type SigningKey, signingKey } from './signing-key.ts'

/** A question as it came. */
export interface Asked {
  readonly token: string
  readonly form: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly atMs: number
}

/** What a question is answered with instead of the truth. */
export interface Script {
  readonly status?: number
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Before the head. */
  readonly delayMs?: number
  /** The connection is held, and no byte of a reply is sent. */
  readonly silent?: boolean
  /** The connection is broken off without a reply. */
  readonly reset?: boolean
}

type Claims = Readonly<Record<string, unknown>>

/** An authorization server whose tokens say nothing of themselves, and that can be made to answer anything. */
export class IntrospectionIssuer {
  port = 0
  /** All questions so far, in order. */
  readonly asked: Asked[] = []
  /** Times that its key set was fetched. */
  keysFetched = 0
  readonly key: SigningKey = signingKey('ES256')
  /** For each question; `undefined`: the truth. */
  script: ((asked: Asked) => Script | undefined) | undefined
  /** Its metadata cannot be had. */
  hidden = false
  /** Before each true answer, ms. */
  delayMs = 0
  readonly #tokens = new Map<string, Claims>()
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#reply(request, response))
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.port = await listen(server, this.port)
    this.#server = server
  }

  /** Refuses connections from now on; its memory stays. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise((done) => server.close(done))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** Issues an opaque token; `undefined` leaves a member of the answer out. */
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

  /** A signed access token (RFC 9068), of which it also says whether it counts. */
  sign(claims: Claims = {}): string {
    const nowS = Math.floor(Date.now() / 1000)
    const said = {
      iss: this.url,
      sub: 'alice',
      client_id: 'reader',
      aud: testAudience,
      scope: 'orders:read',
      iat: nowS,
      exp: nowS + 3600,
      jti: randomBytes(8).toString('hex'),
      ...claims,
    }
    const token = compactJws({ alg: 'ES256', typ: 'at+jwt', kid: this.key.kid }, said, this.key)
    this.#tokens.set(token, said)
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

  async #reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '' } = request
    if (url === '/.well-known/openid-configuration' && !this.hidden)
      return send(response, { body: JSON.stringify(this.#metadata()) })
    if (url === '/keys') {
      this.keysFetched++
      return send(response, { body: JSON.stringify({ keys: [this.key.publicJwk] }) })
    }
    if (url !== '/introspect' || request.method !== 'POST') return void response.writeHead(404).end()
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const form = new URLSearchParams(text)
    const asked = { token: form.get('token') ?? '', form, headers: request.headers, atMs: performance.now() }
    this.asked.push(asked)
    const script = this.script?.(asked)
    if (script?.silent === true) return
    if (script?.reset === true) return void request.socket.destroy()
    await sleep(script?.delayMs ?? this.delayMs, undefined, { ref: false })
    send(response, script ?? { body: JSON.stringify(this.truth(asked.token)) }, JSON.stringify(this.truth(asked.token)))
  }

  #metadata(): object {
    return { issuer: this.url, jwks_uri: `${this.url}/keys`, introspection_endpoint: `${this.url}/introspect` }
  }
}

function send(response: ServerResponse, script: Script, truth = ''): void {
  const { status = 200, type = 'application/json', headers, body = truth } = script
  response.writeHead(status, { 'content-type': type, ...headers })
  response.end(body)
}

/** Starts one, which stops when the file's tests are over. */
export async function startIntrospectionIssuer(): Promise<IntrospectionIssuer> {
  const issuer = new IntrospectionIssuer()
  await issuer.start()
  atEnd(() => issuer.stop())
  return issuer
}
