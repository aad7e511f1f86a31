import { z } from 'zod'

/** Schema of the settings `limits`: limits that each node enforces alone, without counts that nodes share. */
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
            'Failed verifications per second that an address may cause. Failed code exchanges, and pushed requests at the ' +
              'start of logins, use the same budget. Default 50.',
          )
          .meta({ reload: 'restart' }),
        burst: z
          .int()
          .min(1)
          .max(10_000_000)
          .prefault(500)
          .describe('Failed verifications that an address may cause in a burst. Default 500.')
          .meta({ reload: 'restart' }),
        introspections_per_second: z
          .number()
          .min(0.01)
          .max(1_000_000)
          .prefault(5)
          .describe(
            'Failed introspections per second that an address may cause: tokens that the gate introspected at an issuer ' +
              'and then rejected. They use the budget of failed verifications. Each costs `per_second` divided by this ' +
              'value, and at least 1, so that the defaults allow a burst of 50. Default 5.',
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
    'Limits that each node enforces by itself. `address` limits the CPU time and the requests to issuers that ' +
      'unauthenticated clients can cause. Only failures are charged: requests whose token failed a verification, and ' +
      'forged replies to logins. They are charged to the IPv4 address or IPv6 /64 of the client. Above the limit, ' +
      'requests from this address with a token that the node does not know yet get 429, and the token is not ' +
      'verified.',
  )
