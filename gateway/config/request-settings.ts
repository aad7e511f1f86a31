import { z } from 'zod'
import { duration, size } from './text-schemas.ts'

/** Schema of the settings `request`: limits of requests from clients. */
export const requestSettings = z
  .strictObject({
    target_max: size({ min: '256B', max: '32KiB' })
      .prefault('8KiB')
      .describe(
        'Maximum length of the request target (path and query). Default 8KiB, 256B to 32KiB. A longer target gets 414.',
      )
      .meta({ reload: 'restart' }),
    head_max: size({ min: '1KiB', max: '64KiB' })
      .prefault('32KiB')
      .describe(
        'Maximum size of a request head. Default 32KiB, 1KiB to 64KiB. A larger head gets 431. Each open connection may ' +
          'hold this much memory.',
      )
      .meta({ reload: 'restart' }),
    fields_max: z
      .int()
      .min(8)
      .max(98)
      .prefault(98)
      .describe(
        'Maximum number of fields in a request head. Default 98, the maximum of the listener. More fields get 431.',
      )
      .meta({ reload: 'restart' }),
    token_max: size({ min: '512B', max: '32KiB' })
      .prefault('8KiB')
      .describe(
        'Maximum length of an access token. Default 8KiB, 512B to 32KiB. A longer token gets 401 and is not parsed.',
      )
      .meta({ reload: 'restart' }),
    idle: duration({ min: '8s', max: '10m' })
      .prefault('30s')
      .describe(
        'Maximum time without a byte from a client, in a request and between requests. Default 30s, 8s to 10m. A short ' +
          'time prevents slow clients from holding connections.',
      )
      .meta({ reload: 'restart' }),
    chunked_idle: duration({ min: '1s', max: '10m' })
      .prefault('10s')
      .describe(
        'Maximum time for which a chunked upload may send less than 1 KiB per second while the gate waits for it. ' +
          'Default 10s, 1s to 10m; never longer than `request.idle`. A slower upload gets 408. Keep it short: the listener ' +
          'parses chunk extensions as digits of the chunk size, and then waits for bytes that never arrive.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ target_max, head_max, fields_max, token_max, idle, chunked_idle }) => ({
    targetMaxBytes: target_max,
    headMaxBytes: head_max,
    fieldsMax: fields_max,
    tokenMaxBytes: token_max,
    idleMs: idle,
    chunkedIdleMs: Math.min(chunked_idle, idle),
  }))
  .prefault({})
