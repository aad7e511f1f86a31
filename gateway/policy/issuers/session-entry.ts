import { z } from 'zod'
import { duration } from '../../config/text-schemas.ts'

/**
 * Schema of `session` of a login: the lifetimes of login sessions. An existing session keeps the lifetimes with which
 * it began.
 */
export const sessionEntry = z
  .strictObject({
    idle: duration({ min: '1m', max: '30d' })
      .prefault('30m')
      .describe(
        'Maximum time without a request, after which a session expires; it may expire up to a tenth earlier. Default ' +
          '30m, 1m to 30d. Limits the risk of an unattended browser.',
      ),
    absolute: duration({ min: '1m', max: '30d' })
      .prefault('12h')
      .describe(
        'Maximum lifetime of a session, however much it is used. Default 12h, 1m to 30d. It also determines how long ' +
          'a revocation must be kept.',
      ),
  })
  .refine(({ idle, absolute }) => idle <= absolute, {
    path: ['idle'],
    error: 'must not be longer than absolute, the maximum lifetime of a session',
  })
  .prefault({})
  .describe('Lifetime of login sessions. Existing sessions keep the lifetimes with which they began.')
