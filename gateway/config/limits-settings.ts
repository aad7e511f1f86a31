import { z } from 'zod'

/** `limits`: limits of this node alone. */
export const limitsSettings = z
  .strictObject({
    address: z
      .strictObject({
        per_second: z
          .number()
          .min(0.1)
          .max(1_000_000)
          .prefault(50)
          .describe(
            'Failed verifications, failed code exchanges, and pushed requests at the begin of logins, that an address is granted, a second. Default 50.',
          )
          .meta({ reload: 'restart' }),
        burst: z
          .int()
          .min(1)
          .max(10_000_000)
          .prefault(500)
          .describe('Failed verifications that an address may run up at once. Default 500.')
          .meta({ reload: 'restart' }),
        introspections_per_second: z
          .number()
          .min(0.01)
          .max(1_000_000)
          .prefault(5)
          .describe(
            'Failed introspections that an address is granted, a second: tokens that an issuer was asked about, and that ' +
              'were refused. They use the same budget as failed verifications: each costs `per_second` divided by this, but ' +
              'at least 1, so that with the defaults 50 may be run up at once. Default 5.',
          )
          .meta({ reload: 'restart' }),
      })
      .transform(({ per_second, burst, introspections_per_second }) => ({
        perSecond: per_second,
        burst,
        introspectionsPerSecond: introspections_per_second,
      }))
      .prefault({}),
  })
  .prefault({})
  .describe(
    'Limits of this node alone. `address` bounds the CPU that strangers can make it spend, and the questions to issuers: only exchanges whose token ' +
      'cost a verification and failed it, and replies to logins that were made up, are charged, to their IPv4 address or IPv6 /64; beyond it, tokens from there ' +
      'that the node does not know yet get 429 unverified.',
  )
