import { lookup as systemLookup } from 'node:dns'
import { Agent, type Dispatcher } from 'undici'
import { guardedLookup, type NameLookup } from '../base/guarded-lookup.ts'
import { readIssuerUrl } from './issuer-url.ts'

export interface IssuerHttpOptions {
  /** Longest body that is read, bytes. A longer one is refused. */
  readonly maxBytes: number
  /** Most connections to one origin at a time. Default: no limit. */
  readonly connections?: number
  /** How long an idle connection is kept, ms. Default: each request opens its own connection. */
  readonly keepAliveMs?: number
  /** Client certificate and key for mutual TLS, as PEM texts. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined
  /** Resolves host names. Default `dns.lookup`. */
  readonly lookup?: NameLookup
}

export interface IssuerRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | null
  readonly signal: AbortSignal | undefined
}

/** The body of a reply is not read: it has a content coding, or it is too long. */
export class UnfitReply extends Error {
  override readonly name = 'UnfitReply'
}

/** The head of a reply. The caller takes the body by {@link bytes}, or ends the reply by {@link discard}. */
export class IssuerReply {
  readonly status: number
  readonly #headers: Dispatcher.ResponseData['headers']
  readonly #body: Dispatcher.ResponseData['body']
  readonly #maxBytes: number

  constructor({ statusCode, headers, body }: Dispatcher.ResponseData, maxBytes: number) {
    this.status = statusCode
    this.#headers = headers
    this.#body = body
    this.#maxBytes = maxBytes
  }

  /** A field as text; `''` where the reply does not have it. */
  field(name: string): string {
    return String(this.#headers[name] ?? '')
  }

  /**
   * Reads the whole body. Nothing is decompressed, so the limit holds for what is kept in memory.
   *
   * @throws {UnfitReply} before a byte is read when the body has a content coding, and once the body is too long
   */
  async bytes(): Promise<Buffer> {
    const coding = this.field('content-encoding')
    if (coding !== '' && coding.toLowerCase() !== 'identity') {
      this.discard()
      throw new UnfitReply(
        `the reply has content-encoding ${coding.slice(0, 40)} although the request asked for identity; ` +
          'the issuer, or a proxy before it, must not compress its replies',
      )
    }
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of this.#body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > this.#maxBytes) throw new UnfitReply(`the reply is longer than ${this.#maxBytes} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }

  /** Closes the connection: the body is not needed. The error that follows is expected. */
  discard(): void {
    this.#body.on('error', () => {}).destroy()
  }
}

/**
 * The HTTP client of every call to an issuer. It follows no redirect, accepts no content coding, limits the length of a
 * body, and checks the address of each connection.
 */
export class IssuerHttp {
  readonly #agent: Agent
  readonly #maxBytes: number

  constructor({ maxBytes, connections, keepAliveMs, certificate, lookup = systemLookup }: IssuerHttpOptions) {
    this.#maxBytes = maxBytes
    this.#agent = new Agent({
      connect: { lookup: guardedLookup(lookup), ...certificate },
      allowH2: false,
      ...(connections !== undefined && { connections }),
      ...(keepAliveMs === undefined
        ? { pipelining: 0 }
        : { pipelining: 1, keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: keepAliveMs }),
    })
  }

  /** @throws {Error} when the URL is refused, or the issuer cannot be reached */
  async send(address: string, { method, headers, body, signal }: IssuerRequest): Promise<IssuerReply> {
    const url = readIssuerUrl(address)
    const reply = await this.#agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: method as Dispatcher.HttpMethod,
      headers: { ...headers, 'accept-encoding': 'identity' },
      body: body ?? null,
      ...(signal !== undefined && { signal }),
    })
    return new IssuerReply(reply, this.#maxBytes)
  }

  /** Ends requests under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}
