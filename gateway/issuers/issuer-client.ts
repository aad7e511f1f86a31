import type { NameLookup } from '../base/guarded-lookup.ts'
import { IssuerHttp, type IssuerReply } from './issuer-http.ts'
import { readIssuerUrl } from './issuer-url.ts'

export interface IssuerClientOptions {
  /** Maximum size of a document, bytes. Default 1 MiB. */
  readonly maxBytes?: number
  /** Resolves host names. Default `dns.lookup`. */
  readonly lookup?: NameLookup
}

/** Fetches JSON documents from issuers. */
export class IssuerClient {
  readonly #http: IssuerHttp

  /**
   * Each request opens its own connection: requests are minutes apart, and an idle connection may be half-open by then.
   */
  constructor({ maxBytes = 1024 * 1024, lookup }: IssuerClientOptions = {}) {
    this.#http = new IssuerHttp({ maxBytes, ...(lookup && { lookup }) })
  }

  /**
   * @returns the JSON document; `undefined` when the issuer answers 4xx
   * @throws {Error} when the URL is rejected, the issuer is unreachable, or the reply is not 200 with JSON of allowed
   *   size
   */
  async getJson(address: string, signal: AbortSignal): Promise<unknown> {
    const { href, origin, pathname } = readIssuerUrl(address)
    try {
      return await read(await this.#http.send(href, { method: 'GET', headers: { accept: 'application/json' }, signal }))
    } catch (error) {
      throw new Error(`GET ${origin}${pathname}: ${reasonOf(error)}`, { cause: error })
    }
  }

  /** Cancels requests in progress. */
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

/** Joins the messages of an AggregateError: several failed addresses of one name produce an error without a message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
