import { z } from 'zod'
import { trustedBlock } from './proxies.ts'

/** Schema of the settings `check`: peers that are allowed to send forward-auth checks. */
export const checkPeerSettings = z
  .strictObject({
    peers: z
      .array(trustedBlock)
      .prefault([])
      .describe(
        'Proxies that may send forward-auth checks: addresses or CIDR blocks. Default []: every check gets 403. In ' +
          'checks only, the gate trusts the statements of a listed proxy about the request and its client; the proxy ' +
          'need not be in `proxies`. The reply contains the identity of the user: do not list an address from which ' +
          'clients can send requests.',
      )
      .meta({ reload: 'restart' }),
  })
  .prefault({})
