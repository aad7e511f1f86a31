import { z } from 'zod'
import { duration, size } from './text-schemas.ts'

/** `request`: limits of requests from clients. */
export const requestSettings = z
  .strictObject({
    target_max: size({ min: '256B', max: '32KiB' })
      .prefault('8KiB')
      .describe('Longest target (path and query), in bytes. Default 8KiB, 256B to 32KiB. A longer one gets 414.')
      .meta({ reload: 'restart' }),
    head_max: size({ min: '1KiB', max: '64KiB' })
      .prefault('32KiB')
      .describe(
        'Largest request head, in bytes. Default 32KiB, 1KiB to 64KiB. A larger one gets 431. Each open connection ' +
          'may hold that much memory.',
      )
      .meta({ reload: 'restart' }),
    fields_max: z
      .int()
      .min(8)
      .max(98)
      .prefault(98)
      .describe('Most fields in a request head. Default and most 98: the listener holds no more. More get 431.')
      .meta({ reload: 'restart' }),
    token_max: size({ min: '512B', max: '32KiB' })
      .prefault('8KiB')
      .describe('Longest access token, in bytes. Default 8KiB, 512B to 32KiB. A longer one gets 401 unread.')
      .meta({ reload: 'restart' }),
    idle: duration({ min: '8s', max: '10m' })
      .prefault('30s')
      .describe(
        'Longest time without a byte from a client, in a request as between two. Default 30s, 8s to 10m. Short is ' +
          'what keeps slow clients from holding connections.',
      )
      .meta({ reload: 'restart' }),
    chunked_idle: duration({ min: '1s', max: '10m' })
      .prefault('10s')
      .describe(
        'Longest time in which a chunked upload may send less than 1 KiB a second while the gate waits for it. Default ' +
          '10s, 1s to 10m; never longer than `request.idle`. A slower one gets 408. Short, because the listener reads ' +
          'chunk extensions as digits of the chunk size and then waits for bytes that never come.',
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
