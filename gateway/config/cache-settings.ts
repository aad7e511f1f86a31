import { z } from 'zod'

/** `tokens`: cache of validated tokens. */
export const tokenCacheSettings = z
  .strictObject({
    cache: z
      .int()
      .min(64)
      .max(1_048_576)
      .prefault(16_384)
      .describe('Tokens whose verified facts are kept, in entries. Default 16384, 64 to 1048576; about 3 KiB each.')
      .meta({ reload: 'restart' }),
  })
  .transform(({ cache }) => ({ cacheEntries: cache }))
  .prefault({})

/** `sessions`: cache of decrypted login sessions. */
export const sessionCacheSettings = z
  .strictObject({
    cache: z
      .int()
      .min(64)
      .max(1_048_576)
      .prefault(8192)
      .describe(
        'Login sessions that a node keeps in memory, opened. Default 8192, 64 to 1048576; 5 to 10 KiB each as a rule. ' +
          'They go on while Redis is away; others wait for it.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ cache }) => ({ cacheEntries: cache }))
  .prefault({})
