import type { Secrets } from '../config/secrets.ts'
import type { ClientGrant } from '../oauth/client-grant.ts'
import { AuthenticatedEndpoint } from './authenticated-endpoint.ts'
import { ClientAuthentication } from './client-credentials.ts'
import type { IssuerClient } from './issuer-client.ts'
import { rechecks } from './question-queue.ts'
import type { Grant } from './token-endpoint.ts'

export interface GrantClientDependencies {
  /** Fetches the metadata of the issuer. */
  readonly client: IssuerClient
  readonly secrets: Secrets
}

/** Requests the tokens of one client credentials grant (RFC 6749 §4.4). */
export class GrantClient {
  readonly #grant: ClientGrant
  readonly #endpoint: AuthenticatedEndpoint

  /** @throws {ConfigError} when a secret of the grant cannot be read or is unusable */
  constructor(grant: ClientGrant, { client, secrets }: GrantClientDependencies) {
    const { auth, clientId, path, rules, timeoutMs } = grant
    const place = { path, usedBy: `client at issuer ${rules.name}` }
    const authentication = new ClientAuthentication(auth, place, secrets)
    this.#grant = grant
    this.#endpoint = new AuthenticatedEndpoint({ client, rules, clientId, timeoutMs, authentication })
  }

  /** Maximum duration of a token request, ms. */
  get patienceMs(): number {
    return this.#endpoint.patienceMs
  }

  /**
   * Requests one token by the client credentials grant.
   *
   * @throws {GatewayFault} `issuer-unreachable`, as a rejection, for a reply that neither grants nor refuses
   */
  request(): Promise<Grant> {
    const { scopes, resources, audience } = this.#grant
    const form = {
      grant_type: 'client_credentials',
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      ...(resources.length > 0 && { resource: resources }),
      ...(audience !== undefined && { audience }),
    }
    return this.#endpoint.request(form, rechecks)
  }

  /** Cancels the token requests in progress. */
  close(): Promise<void> {
    return this.#endpoint.close()
  }
}
