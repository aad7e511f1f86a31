import { isUtf8 } from 'node:buffer'
import { errors } from 'undici'
import { trimOptionalWhitespace } from '../base/optional-whitespace.ts'
import { errorText } from '../oauth/introspection.ts'
import { type JsonObject, readJsonObject } from '../oauth/json.ts'
import { IssuerHttp, type IssuerHttpOptions, type IssuerReply, type IssuerRequest } from './issuer-http.ts'
import { readRetryAfter } from './retry-after.ts'

export type FormCallOptions = Pick<IssuerHttpOptions, 'maxBytes' | 'certificate'> & {
  /** Maximum number of concurrent connections to one origin of an issuer. */
  readonly connections: number
}

/** Parameters of a form that is sent to an issuer. A parameter with several values is sent once for each value. */
export type Form = Readonly<Record<string, string | readonly string[]>>

export interface FormRequest {
  readonly form: Form
  readonly headers: Readonly<Record<string, string>>
}

export interface FormReply {
  readonly status: number
  /** Media type of the issuer's reply in lower case, without parameters. */
  readonly mediaType: string
  /** Value of the issuer's reply field `Retry-After`, s; `undefined` when the field is missing or invalid. */
  readonly retryAfterS: number | undefined
  readonly body: Buffer
}

/**
 * Idle time after which a connection to an issuer is closed, ms. Less than the 5 s after which servers of Node and many
 * other servers close a connection.
 */
const KEEP_ALIVE_MS = 4000

/** Sends form-encoded POST requests to one issuer over keep-alive connections. */
export class FormCall {
  readonly #http: IssuerHttp

  constructor(options: FormCallOptions) {
    this.#http = new IssuerHttp({ ...options, keepAliveMs: KEEP_ALIVE_MS })
  }

  /**
   * Sends one request to the issuer. Repeats the request once when the connection breaks.
   *
   * @param fill  makes the form and the header fields; called for each of the two attempts: an issuer accepts a client
   *   assertion only once (RFC 7523 §3), and may have received the first attempt
   * @throws {UnreadableReply} when the reply has a content coding or is too long
   * @throws {Error} when the URL is rejected or the issuer cannot be reached
   */
  async post(address: string, fill: () => FormRequest | Promise<FormRequest>, signal: AbortSignal): Promise<FormReply> {
    try {
      return await this.#send(address, requestOf(await fill(), signal))
    } catch (error) {
      // Send the request to the issuer again: the issuer probably closed an idle connection while the request was sent.
      // A second introspection or a second token is harmless.
      if (isBroken(error) && !signal.aborted) return this.#send(address, requestOf(await fill(), signal))
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

  /** Cancels the calls to the endpoint that are in progress. */
  close(): Promise<void> {
    return this.#http.close()
  }
}

function requestOf({ form, headers }: FormRequest, signal: AbortSignal): IssuerRequest {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: encodedForm(form),
    signal,
  }
}

function encodedForm(form: Form): string {
  const encoded = new URLSearchParams()
  for (const [name, value] of Object.entries(form)) {
    for (const each of typeof value === 'string' ? [value] : value) encoded.append(name, each)
  }
  return encoded.toString()
}

/** Returns the error code in the body of an issuer's reply (RFC 6749 §5.2); `undefined` if the body has none. */
export function errorCode(reply: Pick<FormReply, 'mediaType' | 'body'>): string | undefined {
  const object = jsonObject(reply)
  return object === undefined || !Object.hasOwn(object, 'error') ? undefined : errorText(object)
}

/**
 * Parses the body of an issuer's reply as a JSON object; `undefined` for another media type or an invalid body. A
 * duplicate member makes the body invalid, because its value would be ambiguous.
 */
export function jsonObject({ mediaType, body }: Pick<FormReply, 'mediaType' | 'body'>): JsonObject | undefined {
  if (mediaType !== 'application/json' || !isUtf8(body)) return undefined
  const object = readJsonObject(body.toString())
  return typeof object === 'string' ? undefined : object
}

function isBroken(error: unknown): boolean {
  return error instanceof errors.SocketError || (error as NodeJS.ErrnoException).code === 'ECONNRESET'
}
