import { z } from 'zod'
import { trustedBlock } from './proxies.ts'

/** Peers that may send forward-auth checks. */
export const checkPeerSettings = z
  .strictObject({
    peers: z
      .array(trustedBlock)
      .prefault([])
      .describe(
        'Proxies that may ask the gate about requests which they forward themselves (forward-auth): addresses or CIDR blocks. ' +
          'Default []: nobody, every check is 403. A peer that is listed is believed about the request and its client in checks ' +
          'alone, and need not be in `proxies`. It is told who the user is, so list no address from which clients can send.',
      )
      .meta({ reload: 'restart' }),
  })
  .prefault({})
