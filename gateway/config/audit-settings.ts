import { z } from 'zod'
import { entryName } from './entry-name.ts'
import { filePath } from './file-path.ts'
import { sinkEntry } from './sink-entry.ts'
import { duration, size } from './text-schemas.ts'

/** `audit` of the node settings: where the records of all exchanges are stored. */
export const auditSettings = z
  .strictObject({
    redis_max: size({ min: '1MiB', max: '64GiB' })
      .prefault('256MiB')
      .describe(
        'Memory that the log may take in Redis, by Redis’s own estimate (in a Redis Cluster: each of 16 parts). Beyond ' +
          'it nodes write to their spill file, until workers have shipped and trimmed. Default 256MiB.',
      )
      .meta({ reload: 'restart' }),
    memory: size({ min: '64KiB', max: '4GiB' })
      .prefault('16MiB')
      .describe('Memory of a node for sealed records that are neither in Redis nor on disk. Default 16MiB.')
      .meta({ reload: 'restart' }),
    spill: z
      .strictObject({
        path: filePath
          .describe(
            'Folder for records while Redis is unavailable or full; created when missing. Each node needs its own, kept over ' +
              'restarts. Relative to the folder of the settings file.',
          )
          .meta({ reload: 'restart' }),
        max: size({ min: '1MiB', max: '1024GiB' })
          .prefault('1GiB')
          .describe('Bytes that the folder may take: about 100 a record. Default 1GiB.')
          .meta({ reload: 'restart' }),
      })
      .transform(({ path, max }) => ({ path, maxBytes: max }))
      .optional()
      .describe(
        'Default none: while Redis is unavailable, a node keeps records in `memory` and loses all further records.',
      ),
    recent: duration({ min: '0s', max: '30d' })
      .prefault('15m')
      .describe(
        'So long records stay in Redis after every sink has taken them, for `gatehouse audit tail` and `search`; less ' +
          'where that would be more than half of `redis_max`. Default 15m.',
      )
      .meta({ reload: 'restart' }),
    sinks: z
      .record(entryName, sinkEntry)
      .prefault({})
      .describe(
        'Where workers ship the log to, by name: any number, each with its own position. Until a sink has taken a record, ' +
          'the log keeps it. Default none: records stay for `recent`, and are gone then.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ redis_max, recent, memory, spill, sinks }) => ({
    redisMaxBytes: redis_max,
    /** Minimum age at which shipped records may be removed from Redis, ms. */
    recentMs: recent,
    memoryBytes: memory,
    /** `undefined`: no spill is configured. */
    spill,
    sinks,
  }))
  .prefault({})
  .describe('The audit log. It needs `redis`.')
