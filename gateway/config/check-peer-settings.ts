import { z } from 'zod'
import { trustedBlock } from './proxies.ts'

/** Schema of the settings `check`: forward-auth checks, and the peers that are allowed to send them. */
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
    dpop: z
      .enum(['consume', 'verify'])
      .prefault('consume')
      .describe(
        'Whether a forward-auth check uses up the DPoP proof of the request. consume (default): a proof is admitted once. ' +
          'verify: the proof is checked but not used up, for a proxy that asks twice for one request. verify is a ' +
          'relaxation: a captured proof can be used again until its `iat` is too old.',
      )
      .meta({ reload: 'restart' }),
  })
  .prefault({})
