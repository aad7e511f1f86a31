import { z } from 'zod'
import { filePath } from './file-path.ts'
import { duration } from './text-schemas.ts'

/** Schema of the settings `revocation`: maximum delay of revocations, and maximum number of revocations in memory. */
export const revocationSettings = z
  .strictObject({
    max_staleness: duration({ min: '1s', max: '5m' })
      .prefault('10s')
      .describe(
        'Maximum time for which a node may rely on its revocations without a confirmation from Redis that they are ' +
          'current. After it, the node rejects with 503 all credentials that may have been revoked in the meantime. ' +
          'Default 10s, 1s to 5m. Receipts promise this time for nodes that have not confirmed a revocation: a shorter ' +
          'time is a stronger promise, but tolerates only shorter outages of Redis. All nodes need the same value.',
      )
      .meta({ reload: 'restart' }),
    max_entries: z
      .int()
      .min(1000)
      .max(64_000_000)
      .prefault(4_000_000)
      .describe(
        'Maximum number of revocations in the memory of a node, about 50 bytes each. Default 4000000, 1000 to 64000000. ' +
          'At the limit, orders to revoke a single token (the token itself, or its jti) are rejected before anything is ' +
          'written. Revocations of sessions, subjects, clients and issuers are always accepted, and all revocations in ' +
          'Redis are enforced.',
      )
      .meta({ reload: 'restart' }),
    epoch_file: filePath
      .optional()
      .describe(
        'File in which the node stores the identity of its Redis data. With it, a node that starts with a Redis that has ' +
          'lost its data is not ready until another node has restored the data, or until `gatehouse nodes accept-loss`. ' +
          'Relative to the folder of the settings file. Default none: an empty Redis is treated as a new one.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ max_staleness, max_entries, epoch_file }) => ({
    maxStalenessMs: max_staleness,
    maxEntries: max_entries,
    epochFile: epoch_file,
  }))
  .prefault({})
  .describe('Revocation of tokens, subjects, sessions and clients. Requires `redis`.')
