import { z } from 'zod'
import { duration } from './text-schemas.ts'

/** Schema of the settings `dpop`: proofs of possession for tokens that are bound to a key (RFC 9449). */
export const dpopSettings = z
  .strictObject({
    nonce: z
      .enum(['optional', 'required'])
      .prefault('optional')
      .describe(
        'Whether every DPoP proof needs a nonce of the gate (RFC 9449 §9). required: a proof cannot be made in advance; ' +
          'a client without a nonce gets 401 use_dpop_nonce and one more round trip, then about every 5 minutes. ' +
          'optional (default): a nonce is needed only for twice `iat_window` after Redis lost its data, because used ' +
          'proofs may then be unknown.',
      )
      .meta({ reload: 'restart' }),
    iat_window: duration({ min: '5s', max: '5m' })
      .prefault('60s')
      .describe(
        'Largest difference between `iat` of a DPoP proof and the clock of the node. Default 60s, 5s to 5m. A captured ' +
          'proof is recorded in Redis for twice this time, so a longer window needs more memory.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ nonce, iat_window }) => ({ nonce, iatWindowMs: iat_window }))
  .prefault({})
