import { errors } from 'undici'
import { trimOptionalWhitespace } from '../base/optional-whitespace.ts'
import { IssuerHttp, type IssuerHttpOptions, type IssuerReply, type IssuerRequest } from './issuer-http.ts'
import { readRetryAfter } from './retry-after.ts'

export type FormCallOptions = Pick<IssuerHttpOptions, 'maxBytes' | 'certificate'> & {
  /** Most connections at a time. */
  readonly connections: number
}

export interface FormReply {
  readonly status: number
  /** Media type in lower case, without parameters. */
  readonly mediaType: string
  /** Value of `Retry-After`, s; `undefined` where the reply has none that can be read. */
  readonly retryAfterS: number | undefined
  readonly body: Buffer
}

/** Less than the five seconds after which Node's own servers, and many others, close a connection. */
const KEEP_ALIVE_MS = 4000

/** Posts forms to one issuer over connections that are kept. */
export class FormCall {
  readonly #http: IssuerHttp

  constructor(options: FormCallOptions) {
    this.#http = new IssuerHttp({ ...options, keepAliveMs: KEEP_ALIVE_MS })
  }

  /**
   * @throws {UnfitReply} when the reply has a content coding or is too long
   * @throws {Error} when the URL is refused, or the issuer cannot be reached
   */
  async post(
    address: string,
    form: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<FormReply> {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(form).toString(),
      signal,
    }
    try {
      return await this.#send(address, request)
    } catch (error) {
      // The issuer closed a kept connection at that moment. It did not receive the question; to ask twice is harmless.
      if (isBroken(error) && !signal.aborted) return this.#send(address, request)
      throw error
    }
  }

  async #send(address: string, request: IssuerRequest): Promise<FormReply> {
    const reply: IssuerReply = await this.#http.send(address, request)
    const body = await reply.bytes()
    return {
      status: reply.status,
      mediaType: trimOptionalWhitespace(reply.field('content-type').split(';', 1)[0]!).toLowerCase(),
      retryAfterS: readRetryAfter(reply.field('retry-after'), reply.field('date'), Date.now()),
      body,
    }
  }

  /** Ends calls under way. */
  close(): Promise<void> {
    return this.#http.close()
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof errors.SocketError || (error as NodeJS.ErrnoException).code === 'ECONNRESET'
}
