import type { CustomFetch } from 'openid-client'
import type { ClientCredentials } from './client-credentials.ts'
import { IssuerHttp, type IssuerReply } from './issuer-http.ts'
import { readMetadataUrl } from './issuer-url.ts'

const MAX_BYTES = 1024 * 1024

export interface IssuerFetchOptions {
  readonly credentials: ClientCredentials
  /** Issuer identifier. */
  readonly issuer: string
  /** Maximum number of concurrent connections to one origin. */
  readonly connections: number
}

/** A `fetch` function for openid-client, with the limits and checks of {@link IssuerHttp}. */
export class IssuerFetch {
  readonly #http: IssuerHttp
  readonly #issuer: string

  /**
   * Each call opens its own connection, so that no call is repeated. The issuer could already have processed a failed
   * call.
   */
  constructor({ credentials, issuer, connections }: IssuerFetchOptions) {
    const certificate =
      credentials.method === 'tls_client_auth' ? { cert: credentials.cert, key: credentials.key } : undefined
    this.#http = new IssuerHttp({ maxBytes: MAX_BYTES, connections, certificate })
    this.#issuer = issuer
  }

  readonly fetch: CustomFetch = async (address, { method, headers, body, signal }) => {
    // openid-client takes the URLs of all its calls from the issuer's metadata, so check each URL here.
    const { href } = readMetadataUrl(address, 'an endpoint', this.#issuer)
    const form = body instanceof URLSearchParams ? body.toString() : (body as string | Uint8Array | null | undefined)
    const reply = await this.#http.send(href, { method, headers, body: form ?? null, signal })
    const bytes = await reply.bytes()
    return new Response(bytes.length === 0 ? null : new Uint8Array(bytes), {
      status: reply.status,
      headers: readFields(reply),
    })
  }

  /** Cancels calls in progress. */
  close(): Promise<void> {
    return this.#http.close()
  }
}

/** Returns the header fields that openid-client reads. Other fields could contain bytes that `Headers` rejects. */
function readFields(reply: IssuerReply): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const name of ['content-type', 'www-authenticate']) {
    const value = reply.field(name)
    if (value !== '') fields[name] = value
  }
  return fields
}
