import { lookup as systemLookup } from 'node:dns'
import { Agent, errors } from 'undici'
import { lookupBeyondLink } from '../base/link-local.ts'
import { readIssuerUrl } from './issuer-url.ts'

export interface FormCallOptions {
  /** Most connections at a time. */
  readonly connections: number
  /** PEM texts, for mutual TLS. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined
  /** Longest body that is read. */
  readonly maxBytes: number
}

export interface FormReply {
  readonly status: number
  /** Media type in lower case, without parameters. */
  readonly mediaType: string
  /** Whole seconds that the issuer wants to be left alone for. */
  readonly retryAfterS: number | undefined
  readonly body: Buffer
}

/** A reply came, and is not read: it is compressed, or too long. */
export class UnfitReply extends Error {
  override readonly name = 'UnfitReply'
}

/** Posts forms to one issuer over connections that are kept. Follows no redirect and decompresses nothing. */
export class FormCall {
  readonly #agent: Agent
  readonly #maxBytes: number

  constructor({ connections, certificate, maxBytes }: FormCallOptions) {
    this.#maxBytes = maxBytes
    this.#agent = new Agent({
      connect: { lookup: lookupBeyondLink(systemLookup), ...certificate },
      connections,
      allowH2: false,
      pipelining: 1,
      // Less than the five seconds after which Node's own servers, and many others, close a connection.
      keepAliveTimeout: 4000,
      keepAliveMaxTimeout: 4000,
    })
  }

  /**
   * @throws {UnfitReply} when the reply is compressed or too long
   * @throws {Error} when the URL is refused, or the issuer cannot be reached
   */
  async post(
    address: string,
    form: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<FormReply> {
    const url = readIssuerUrl(address, false)
    const request = {
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'accept-encoding': 'identity', ...headers },
      body: new URLSearchParams(form).toString(),
      signal,
    } as const
    try {
      return await this.#send(request)
    } catch (error) {
      // A kept connection that the issuer was just closing; the question was not heard, and asking twice is harmless.
      if (isBroken(error) && !signal.aborted) return this.#send(request)
      throw error
    }
  }

  async #send(request: Parameters<Agent['request']>[0]): Promise<FormReply> {
    const { statusCode, headers, body } = await this.#agent.request(request)
    const chunks: Buffer[] = []
    let bytes = 0
    if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
      body.on('error', () => {}).destroy()
      throw new UnfitReply('content-encoding, not asked for')
    }
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > this.#maxBytes) throw new UnfitReply(`longer than ${this.#maxBytes} bytes`)
      chunks.push(chunk)
    }
    const type = String(headers['content-type'] ?? '')
    const retryAfter = String(headers['retry-after'] ?? '')
    return {
      status: statusCode,
      mediaType: type.split(';', 1)[0]!.trim().toLowerCase(),
      retryAfterS: /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined,
      body: Buffer.concat(chunks),
    }
  }

  /** Ends calls under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof errors.SocketError || (error as NodeJS.ErrnoException).code === 'ECONNRESET'
}
