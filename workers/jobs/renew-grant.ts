import type { GrantRequester } from '../../gateway/credentials/grant-requester.ts'
import type { GrantClients } from '../../gateway/issuers/grant-clients.ts'
import { renewGrant } from '../../gateway/queues/renew-grant.ts'
import { handles } from '../handles.ts'

export interface RenewGrantDependencies {
  readonly clients: Pick<GrantClients, 'of'>
  readonly requester: Pick<GrantRequester, 'take'>
}

/**
 * Renews the gate's own token for services before it expires, so that no exchange waits for the issuer.
 *
 * Idempotent: each token is renewed once in the whole cluster, and a second run finds a newer token.
 *
 * @throws {GatewayFault} `upstream-credential-unavailable` and `upstream-credential-misconfigured`; BullMQ retries both
 */
export const renewGrantHandler = ({ clients, requester }: RenewGrantDependencies) =>
  handles(renewGrant, async ({ grant: id, token }) => {
    const known = clients.of(id)
    if (known === undefined) return 'gone'
    await requester.take(known.grant, known.client, token)
    return 'renewed'
  })
