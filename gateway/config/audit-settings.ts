import { z } from 'zod'
import { entryName } from './entry-name.ts'
import { filePath } from './file-path.ts'
import { sinkEntry } from './sinks/sink-kinds.ts'
import { duration, size } from './text-schemas.ts'

/** Schema of the node settings `audit`: where the audit records of all exchanges are stored. */
export const auditSettings = z
  .strictObject({
    redis_max: size({ min: '1MiB', max: '64GiB' })
      .prefault('256MiB')
      .describe(
        'Maximum memory of the audit log in Redis, as Redis estimates it; in a Redis Cluster, of each of the 16 parts ' +
          'of the log. At the limit, nodes write to their spill folder until workers have shipped and removed records. ' +
          'Default 256MiB.',
      )
      .meta({ reload: 'restart' }),
    memory: size({ min: '64KiB', max: '4GiB' })
      .prefault('16MiB')
      .describe('Maximum memory of a node for sealed records that are neither in Redis nor on disk. Default 16MiB.')
      .meta({ reload: 'restart' }),
    spill: z
      .strictObject({
        path: filePath
          .describe(
            'Folder for records while Redis is unavailable or full. It is created when it is missing. Each node needs its ' +
              'own folder, which must survive restarts. Relative to the folder of the settings file.',
          )
          .meta({ reload: 'restart' }),
        max: size({ min: '1MiB', max: '1024GiB' })
          .prefault('1GiB')
          .describe('Maximum size of the folder. A record takes about 100 bytes. Default 1GiB.')
          .meta({ reload: 'restart' }),
      })
      .transform(({ path, max }) => ({ path, maxBytes: max }))
      .optional()
      .describe(
        'Storage on disk for audit records while Redis is unavailable. Default none: a node keeps records in memory, ' +
          'up to `memory`, and loses all further records.',
      ),
    recent: duration({ min: '0s', max: '30d' })
      .prefault('15m')
      .describe(
        'Minimum time for which a record stays in Redis after every sink has received it, for `gatehouse audit tail` ' +
          'and `search`. The time is shorter when these records would take more than half of `redis_max`. Default 15m.',
      )
      .meta({ reload: 'restart' }),
    decision_facts: z
      .boolean()
      .prefault(false)
      .describe(
        'Whether each audit record also contains what the policy examined: scopes, roles, `acr`, `auth_time`, and the ' +
          'values of the claims and request fields that a requirement of the policy names, which can be personal data. ' +
          'Required by `gatehouse check --from-audit`. Default false.',
      )
      .meta({ reload: 'restart' }),
    sinks: z
      .record(entryName, sinkEntry)
      .prefault({})
      .describe(
        'Destinations to which workers ship the audit log, by name. Each sink has its own position. The log keeps a ' +
          'record until every sink has received it. Default none: records are removed after `recent`.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ redis_max, recent, memory, spill, decision_facts, sinks }) => ({
    redisMaxBytes: redis_max,
    /** Minimum age at which audit records can be removed from Redis, ms, if every sink has received them. */
    recentMs: recent,
    memoryBytes: memory,
    /**
     * Folder in which the node stores audit records while Redis does not accept them; `undefined`: no folder is
     * configured.
     */
    spill,
    recordsFacts: decision_facts,
    sinks,
  }))
  .prefault({})
  .describe('Settings of the audit log. They require `redis`.')
