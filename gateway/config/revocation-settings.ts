import { z } from 'zod'
import { filePath } from './file-path.ts'
import { duration } from './text-schemas.ts'

/** `revocation`: maximum delay and number of revocations. */
export const revocationSettings = z
  .strictObject({
    max_staleness: duration({ min: '1s', max: '5m' })
      .prefault('10s')
      .describe(
        'After so long without news from Redis a node refuses (503) what may have been revoked meanwhile. Default 10s, 1s ' +
          'to 5m. A receipt promises it of every node that has not answered: shorter is a stronger promise, and less ' +
          'patience with Redis. The same for all nodes.',
      )
      .meta({ reload: 'restart' }),
    max_entries: z
      .int()
      .min(1000)
      .max(64_000_000)
      .prefault(4_000_000)
      .describe(
        'Revocations with which a node takes no more, about 50 bytes each. Default 4000000, 1000 to 64000000. At the limit ' +
          'orders to revoke a single token (by itself, or its jti) are refused before anything is written. Ends of ' +
          'sessions, subjects, clients and issuers are always taken, and what Redis has taken is always obeyed.',
      )
      .meta({ reload: 'restart' }),
    epoch_file: filePath
      .optional()
      .describe(
        'File in which the node remembers which Redis it belonged to, relative to the folder of the settings file. With ' +
          'it, a node that starts on a Redis which has lost its data is not ready until another node has put them back, ' +
          'or `gatehouse nodes accept-loss`. Default none: an empty Redis is taken for a new one.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ max_staleness, max_entries, epoch_file }) => ({
    maxStalenessMs: max_staleness,
    maxEntries: max_entries,
    epochFile: epoch_file,
  }))
  .prefault({})
  .describe('Revocations of tokens, subjects, sessions and clients. They need `redis`.')
