import { Supervisor } from '../base/supervisor.ts'
import type { ClientCredentials } from './client-credentials.ts'

export interface ClientCertificate {
  readonly cert: string
  readonly key: string
}

interface Closable {
  close(): Promise<void>
}

/**
 * The HTTP client for calls to an issuer at which the gate may authenticate with a TLS client certificate. When the
 * certificate changes, a new HTTP client is opened, and calls in progress end on the old connections.
 */
export class CertificateBound<Client extends Closable> {
  readonly #open: (certificate: ClientCertificate | undefined) => Client
  readonly #patienceMs: number
  readonly #retiring = new Supervisor('issuer-credentials')
  #client: Client
  #credentials: ClientCredentials

  /**
   * @param open        opens an HTTP client that presents this certificate; `undefined`: none
   * @param patienceMs  longest duration of a call, ms. An old HTTP client is closed after this time
   */
  constructor(
    open: (certificate: ClientCertificate | undefined) => Client,
    credentials: ClientCredentials,
    patienceMs: number,
  ) {
    this.#open = open
    this.#credentials = credentials
    this.#patienceMs = patienceMs
    this.#client = open(certificateIn(credentials))
  }

  /**
   * Returns the HTTP client for calls with these credentials. It presents their client certificate if they have one.
   */
  with(credentials: ClientCredentials): Client {
    if (credentials === this.#credentials || credentials.method !== 'tls_client_auth') return this.#client
    const old = this.#client
    this.#credentials = credentials
    this.#client = this.#open(certificateIn(credentials))
    this.#retiring.after(this.#patienceMs, () => old.close())
    return this.#client
  }

  /** Cancels the calls to the issuer that are in progress. */
  close(): Promise<void> {
    return this.#client.close()
  }
}

function certificateIn(credentials: ClientCredentials): ClientCertificate | undefined {
  return credentials.method === 'tls_client_auth' ? { cert: credentials.cert, key: credentials.key } : undefined
}
