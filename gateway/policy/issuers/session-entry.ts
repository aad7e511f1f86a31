import { z } from 'zod'
import { duration } from '../../config/text-schemas.ts'

/** `session` of a login: the lifetime of sessions. Existing sessions keep the times with which they began. */
export const sessionEntry = z
  .strictObject({
    idle: duration({ min: '1m', max: '30d' })
      .prefault('30m')
      .describe(
        'A session that nobody uses for so long is over, up to a tenth of it earlier. Default 30m, 1m to 30d. Bounds ' +
          'what an unattended browser gives away.',
      ),
    absolute: duration({ min: '1m', max: '30d' })
      .prefault('12h')
      .describe(
        'However much it is used, a session is over after so long. Default 12h, 1m to 30d. It also bounds how long a ' +
          'revocation must be kept.',
      ),
  })
  .refine(({ idle, absolute }) => idle <= absolute, {
    path: ['idle'],
    error: 'must not be longer than absolute, which ends every session',
  })
  .prefault({})
  .describe('How long a login lasts. Sessions that have begun keep the times that they began with.')
