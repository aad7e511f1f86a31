import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'
import { type Algorithm, compactJws, type SigningKey, signingKey } from './signing-key.ts'

type Document = 'discovery' | 'keys'

/** Reply for a document (metadata or key set) in place of the normal reply. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Body of the reply. Default: the document itself. */
  readonly body?: string
  /** Delay before the head of the reply, ms. */
  readonly delayMs?: number
  /** The reply waits until this promise is resolved. */
  readonly held?: Promise<unknown>
  /** True: the issuer keeps the connection open and sends no byte of a reply. */
  readonly silent?: boolean
}

/** Differences from a valid access token; a value of `undefined` leaves a member out. */
export interface TokenOverrides {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  /** Text in place of the JSON of the header or the claims. */
  readonly raw?: { readonly header?: string; readonly claims?: string | Buffer }
  /** Key that signs the token. Default: the newest key of the issuer. */
  readonly key?: SigningKey
}

/** Handles one request to an endpoint of the issuer. */
export type Endpoint = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void

export interface IssuerOptions {
  /** Algorithms of the signing keys: one key for each algorithm; the last key signs. */
  readonly algorithms?: readonly Algorithm[]
  /** Path that is appended to the issuer identifier, such as `/tenant`. */
  readonly path?: string
  readonly port?: number
}

export const testAudience = 'https://api.test'

/**
 * A fake authorization server: metadata, key set, and signed tokens of any content. A test can replace the replies for
 * the metadata and the key set. `IntrospectionIssuer` and `CodeIssuer` add endpoints.
 */
export class TestIssuer {
  /** Port on loopback. Set by `start`; a restart uses the same port. */
  port: number
  readonly path: string
  /** Number of requests for each document. */
  readonly fetches: Record<Document, number> = { discovery: 0, keys: 0 }
  readonly #answers = new Map<Document, Answer>()
  readonly #endpoints = new Map<string, Endpoint>()
  #keys: SigningKey[]
  #signer: SigningKey
  #server: Server | undefined

  constructor(options: IssuerOptions = {}) {
    this.port = options.port ?? 0
    this.path = options.path ?? ''
    this.#keys = (options.algorithms ?? ['ES256']).map((alg) => signingKey(alg))
    this.#signer = this.#keys.at(-1)!
  }

  /** The issuer identifier: the value of `iss`, which the gate compares byte for byte. */
  get url(): string {
    return `http://127.0.0.1:${this.port}${this.path}`
  }

  get jwksUri(): string {
    return `${this.url}/keys`
  }

  /** The key that signs new tokens. */
  get key(): SigningKey {
    return this.#signer
  }

  /** Published keys, oldest first. */
  get keys(): readonly SigningKey[] {
    return this.#keys
  }

  /** Starts to listen; after `stop`, on the same port as before. */
  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#reply(request, response))
    this.port = await listen(server, this.port)
    this.#server = server
  }

  /** Closes the server and all connections. The keys remain, and tokens can still be signed. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise((done) => server.close(done))
    server.closeAllConnections()
    await closed
  }

  /** Publishes a new key beside the old keys and signs the next tokens with it. */
  rotate(alg: Algorithm = 'ES256'): SigningKey {
    const key = signingKey(alg)
    this.publish(key)
    return key
  }

  /** Publishes this key beside the old keys and signs the next tokens with it. */
  publish(key: SigningKey): void {
    this.announce(key)
    this.#signer = key
  }

  /** Publishes this key beside the old keys. The signing key stays the same. */
  announce(key: SigningKey): void {
    this.#keys = [...this.#keys, key]
  }

  /** Removes this key from the key set. Tokens signed with this key, also future ones, can no longer be verified. */
  drop(key: SigningKey): void {
    this.#keys = this.#keys.filter(({ kid }) => kid !== key.kid)
  }

  /** Sets the reply for this document; without `answer`, restores the normal reply. */
  answer(document: Document, answer?: Answer): void {
    if (answer === undefined) this.#answers.delete(document)
    else this.#answers.set(document, answer)
  }

  /** Signs an access token (RFC 9068). By default it is valid for `orders:read` at the audience of the tests. */
  sign({ header, claims, raw, key = this.#signer }: TokenOverrides = {}): string {
    const nowS = Math.floor(Date.now() / 1000)
    const goodHeader = { alg: key.alg, typ: 'at+jwt', kid: key.kid }
    const goodClaims = {
      iss: this.url,
      sub: 'alice',
      client_id: 'reader',
      aud: testAudience,
      scope: 'orders:read',
      iat: nowS,
      exp: nowS + 3600,
      jti: randomUUID(),
    }
    return compactJws(raw?.header ?? { ...goodHeader, ...header }, raw?.claims ?? { ...goodClaims, ...claims }, key)
  }

  /** Adds an endpoint below the issuer's URL, such as `/token`. */
  protected serve(path: string, endpoint: Endpoint): void {
    this.#endpoints.set(`${this.path}${path}`, endpoint)
  }

  async #reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const document = this.#document(request.url ?? '')
    if (document === undefined) {
      const endpoint = this.#endpoints.get((request.url ?? '').split('?', 1)[0]!)
      if (endpoint === undefined) return void response.writeHead(404).end()
      return endpoint(request, response)
    }
    this.fetches[document] += 1

    const { status = 200, headers, body, delayMs = 0, held, silent = false } = this.#answers.get(document) ?? {}
    if (silent) return
    await held
    if (delayMs > 0) await sleep(delayMs, undefined, { ref: false })
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(body ?? JSON.stringify(document === 'keys' ? this.#keySet() : this.metadata()))
  }

  /**
   * The document at a request target. The metadata have two targets: OpenID Connect Discovery §4 appends to the
   * issuer's path, RFC 8414 §3.1 inserts before it.
   */
  #document(target: string): Document | undefined {
    if (target === `${this.path}/keys`) return 'keys'
    const known = [
      `${this.path}/.well-known/openid-configuration`,
      `/.well-known/oauth-authorization-server${this.path}`,
    ]
    return known.includes(target) ? 'discovery' : undefined
  }

  #keySet(): object {
    return { keys: this.#keys.map(({ publicJwk }) => publicJwk) }
  }

  protected metadata(): object {
    return {
      issuer: this.url,
      jwks_uri: this.jwksUri,
      token_endpoint: `${this.url}/token`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
    }
  }
}

/** Reads the form parameters in the body of a request. */
export async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return new URLSearchParams(text)
}

/** Starts a `TestIssuer`, which stops after the last test of the file. */
export async function startIssuer(options: IssuerOptions = {}): Promise<TestIssuer> {
  return started(new TestIssuer(options))
}

/** Starts `issuer` and stops it after the last test of the file. */
export async function started<T extends TestIssuer>(issuer: T): Promise<T> {
  await issuer.start()
  atEnd(() => issuer.stop())
  return issuer
}
