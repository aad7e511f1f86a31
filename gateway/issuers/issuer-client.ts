import type { NameLookup } from '../base/guarded-lookup.ts'
import { IssuerHttp, type IssuerReply } from './issuer-http.ts'
import { readIssuerUrl } from './issuer-url.ts'

export interface IssuerClientOptions {
  /** Maximum size of a JSON document from an issuer, bytes. Default 1 MiB. */
  readonly maxBytes?: number
  /** Function that resolves host names. Default `dns.lookup`. */
  readonly lookup?: NameLookup
}

/** Fetches JSON documents, such as metadata and key sets, from issuers. */
export class IssuerClient {
  readonly #http: IssuerHttp

  /**
   * Open a connection for each request: requests to issuers are minutes apart. A connection that was idle for minutes
   * can be dead without notice.
   */
  constructor({ maxBytes = 1024 * 1024, lookup }: IssuerClientOptions = {}) {
    this.#http = new IssuerHttp({ maxBytes, ...(lookup && { lookup }) })
  }

  /**
   * Fetches one JSON document from an issuer.
   *
   * @returns the JSON document; `undefined` when the issuer replies 4xx
   * @throws {Error} when the URL is rejected, the issuer is unreachable, or the reply is not 200 with JSON of the
   *   allowed size
   */
  async getJson(address: string, signal: AbortSignal): Promise<unknown> {
    const { href, origin, pathname } = readIssuerUrl(address)
    try {
      return await read(await this.#http.send(href, { method: 'GET', headers: { accept: 'application/json' }, signal }))
    } catch (error) {
      throw new Error(`GET ${origin}${pathname}: ${reasonOf(error)}`, { cause: error })
    }
  }

  /** Cancels the requests to the issuer that are in progress. */
  close(): Promise<void> {
    return this.#http.close()
  }
}

async function read(reply: IssuerReply): Promise<unknown> {
  const { status } = reply
  if (status !== 200) {
    reply.discard()
    if (status >= 400 && status < 500) return undefined
    throw new Error(`status ${status}`)
  }
  const bytes = await reply.bytes()
  try {
    return JSON.parse(bytes.toString()) as unknown
  } catch {
    throw new Error('not JSON')
  }
}

/**
 * Returns the message of a connection error. For an AggregateError, which has no message itself, joins the messages of
 * its errors: one for each address of the host name that failed.
 */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
