import type { CustomFetch } from 'openid-client'
import { CertificateBound } from './certificate-bound.ts'
import type { ClientAuthentication, ClientCredentials } from './client-credentials.ts'
import { clientProof } from './client-proof.ts'
import { errorCode, type FormReply } from './form-call.ts'
import { isClientRefused } from './introspection-reply.ts'
import { IssuerHttp, type IssuerReply } from './issuer-http.ts'
import { readMetadataUrl } from './issuer-url.ts'

const MAX_BYTES = 1024 * 1024

export interface IssuerFetchOptions {
  readonly authentication: ClientAuthentication
  readonly clientId: string
  /** Identifier of the issuer, which is the `aud` of client assertions. */
  readonly issuer: string
  /** Maximum number of concurrent connections to one origin of an issuer. */
  readonly connections: number
  /** Longest duration of a call to the issuer, ms. */
  readonly patienceMs: number
}

/**
 * A `fetch` function for openid-client, with the limits and checks of {@link IssuerHttp}. Adds the gate's client
 * authentication to each form. When the issuer refuses it and the gate knows other credentials, repeats the call once
 * with them.
 */
export class IssuerFetch {
  readonly #http: CertificateBound<IssuerHttp>
  readonly #options: IssuerFetchOptions

  /**
   * Open a connection for each call to the issuer, so that a call never fails because of an old connection and needs no
   * repetition: the issuer could have processed the failed call. Only a call whose credentials the issuer refused is
   * repeated, because the issuer did not process it.
   */
  constructor(options: IssuerFetchOptions) {
    this.#options = options
    const { authentication, connections, patienceMs } = options
    this.#http = new CertificateBound(
      (certificate) => new IssuerHttp({ maxBytes: MAX_BYTES, connections, certificate }),
      authentication.presented,
      patienceMs,
    )
  }

  readonly fetch: CustomFetch = async (address, { method, headers, body, signal }) => {
    const { authentication, clientId, issuer } = this.#options
    // Check the URL of each call: openid-client takes the URLs from the issuer's metadata.
    const { href } = readMetadataUrl(address, 'an endpoint', issuer)
    const send = async (credentials: ClientCredentials): Promise<ReadReply> => {
      const proof = await clientProof(credentials, clientId, issuer)
      const form = new URLSearchParams(body as URLSearchParams)
      for (const [name, value] of Object.entries(proof.parameters)) form.set(name, value)
      const fields = proof.authorization === undefined ? headers : { ...headers, authorization: proof.authorization }
      const reply = await this.#http
        .with(credentials)
        .send(href, { method, headers: fields, body: form.toString(), signal })
      return { reply, body: await reply.bytes() }
    }
    const shown = authentication.presented
    let read = await send(shown)
    if (isRefusal(read) && authentication.refused(shown)) read = await send(authentication.presented)
    return new Response(read.body.length === 0 ? null : new Uint8Array(read.body), {
      status: read.reply.status,
      headers: readFields(read),
    })
  }

  /** Cancels the calls to the issuer that are in progress. */
  close(): Promise<void> {
    return this.#http.close()
  }
}

interface ReadReply {
  readonly reply: IssuerReply
  readonly body: Buffer
}

function isRefusal(read: ReadReply): boolean {
  return isClientRefused(formReplyOf(read))
}

/**
 * Returns those header fields of the issuer's reply that openid-client reads. All other fields are left out, because
 * they could contain bytes that the class `Headers` rejects. `WWW-Authenticate` is left out if the body has an OAuth
 * error: openid-client would otherwise not read the error.
 */
function readFields(read: ReadReply): Record<string, string> {
  const fields: Record<string, string> = {}
  const names = errorCode(formReplyOf(read)) === undefined ? ['content-type', 'www-authenticate'] : ['content-type']
  for (const name of names) {
    const value = read.reply.field(name)
    if (value !== '') fields[name] = value
  }
  return fields
}

function formReplyOf({ reply, body }: ReadReply): Pick<FormReply, 'status' | 'mediaType' | 'body'> {
  const mediaType = reply.field('content-type').split(';', 1)[0]!.trim().toLowerCase()
  return { status: reply.status, mediaType, body }
}
