import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { IssuerLog } from '../../../gateway/issuers/key-set.ts'

export interface IssuerKeyPair {
  readonly privateKey: KeyObject
  /** The public key as the issuer publishes it; a test can change it. */
  readonly jwk: Record<string, unknown>
}

export function ecKey(kid?: string, namedCurve = 'P-256'): IssuerKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), ...(kid !== undefined && { kid }) } }
}

export function rsaKey(kid: string, modulusLength = 2048, publicExponent = 0x10001): IssuerKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent })
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } }
}

export function edKey(kid: string): IssuerKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid } }
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** An authorization server on loopback that serves its metadata and its keys, and no other endpoint. */
export class LoopbackIssuer {
  /** Keys that the issuer publishes. */
  keys: Record<string, unknown>[] = []
  /** Paths of all requests so far, in order. */
  readonly requests: string[] = []
  /** Handlers that replace the normal reply, with the request path as the key. */
  readonly instead = new Map<string, Answer>()
  readonly metadata: Record<string, unknown>
  readonly issuer: string
  readonly #server

  private constructor(server: ReturnType<typeof createServer>, path: string) {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.issuer = `${origin}${path}`
    this.metadata = { issuer: this.issuer, jwks_uri: `${origin}/jwks` }
    this.#server = server.on('request', (request, response) => this.#answer(request, response))
  }

  static async start(path = ''): Promise<LoopbackIssuer> {
    const server = createServer()
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    return new LoopbackIssuer(server, path)
  }

  get keyFetches(): number {
    return this.requests.filter((path) => path === '/jwks').length
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url!
    this.requests.push(path)
    const instead = this.instead.get(path)
    const metadataPath = `${new URL(this.issuer).pathname.replace(/\/$/, '')}/.well-known/openid-configuration`
    if (instead !== undefined) instead(request, response)
    else if (path === '/jwks') response.end(JSON.stringify({ keys: this.keys }))
    else if (path === metadataPath) response.end(JSON.stringify(this.metadata))
    else response.writeHead(404).end()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((closed) => this.#server.close(closed))
  }
}

/** Returns a log function and the list of lines that it collects. */
export function logged(): {
  log: IssuerLog
  lines: { level: string; message: string; fields: Record<string, unknown> }[]
} {
  const lines: { level: string; message: string; fields: Record<string, unknown> }[] = []
  return { log: (level, message, fields) => lines.push({ level, message, fields }), lines }
}

/** Waits until `condition` returns true; only the time limit of the test ends the wait. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((next) => setTimeout(next, 5))
}
