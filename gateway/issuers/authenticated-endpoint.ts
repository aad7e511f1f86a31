import { CertificateBound } from './certificate-bound.ts'
import type { ClientAuthentication } from './client-credentials.ts'
import { clientProof } from './client-proof.ts'
import type { Form } from './form-call.ts'
import type { Asker } from './question-queue.ts'
import { type Grant, TokenEndpoint, type TokenEndpointOptions } from './token-endpoint.ts'

export interface AuthenticatedEndpointOptions extends Omit<TokenEndpointOptions, 'certificate'> {
  /** Client id of the gate at the issuer. */
  readonly clientId: string
  readonly authentication: ClientAuthentication
}

/** Calls the token endpoint of one issuer, with the gate itself as the OAuth client. */
export class AuthenticatedEndpoint {
  readonly #options: AuthenticatedEndpointOptions
  readonly #endpoint: CertificateBound<TokenEndpoint>

  constructor(options: AuthenticatedEndpointOptions) {
    const { clientId: _, authentication, ...shared } = options
    this.#options = options
    const open = (certificate: TokenEndpointOptions['certificate']) => new TokenEndpoint({ ...shared, certificate })
    this.#endpoint = new CertificateBound(open, authentication.presented, 2 * options.timeoutMs)
  }

  /**
   * Requests one token of the gate. When the issuer refuses the gate's client authentication (`invalid_client`, or
   * status 401 without an error code) and the gate knows another value of its secret, repeats the request once with
   * that value.
   *
   * @throws {GatewayFault} `issuer-unreachable`, as a rejection, for a reply that neither grants nor refuses
   */
  async request(form: Form, asker: Asker): Promise<Grant> {
    const { authentication } = this.#options
    const shown = authentication.presented
    const grant = await this.#send(form, asker, shown)
    const isRefused = 'error' in grant && (grant.error === 'invalid_client' || grant.error === 'status 401')
    return isRefused && authentication.refused(shown) ? this.#send(form, asker, authentication.presented) : grant
  }

  /** Maximum duration of {@link request}, ms: two calls, each after a wait in the queue. */
  get patienceMs(): number {
    return 4 * this.#options.timeoutMs
  }

  /** Cancels the calls to the token endpoint in progress, and stops watching the files of the secrets. */
  async close(): Promise<void> {
    this.#options.authentication.close()
    await this.#endpoint.close()
  }

  #send(form: Form, asker: Asker, credentials: ClientAuthentication['presented']): Promise<Grant> {
    const { clientId, rules } = this.#options
    const proof = () => clientProof(credentials, clientId, rules.issuer)
    return this.#endpoint.with(credentials).request(form, proof, asker)
  }
}
