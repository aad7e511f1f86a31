import { z } from 'zod'

/** Schema of the settings `tokens`: size of the cache of validated tokens. */
export const tokenCacheSettings = z
  .strictObject({
    cache: z
      .int()
      .min(64)
      .max(1_048_576)
      .prefault(16_384)
      .describe(
        'Maximum number of tokens in the cache of validated tokens. Default 16384, 64 to 1048576. A token takes about 3 ' +
          'KiB.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ cache }) => ({ cacheEntries: cache }))
  .prefault({})

/** Schema of the settings `sessions`: size of the cache of decrypted login sessions. */
export const sessionCacheSettings = z
  .strictObject({
    cache: z
      .int()
      .min(64)
      .max(1_048_576)
      .prefault(8192)
      .describe(
        'Maximum number of decrypted login sessions in the memory of a node. Default 8192, 64 to 1048576. A session ' +
          'usually takes 5 to 10 KiB. Sessions in memory stay usable while Redis is unavailable; other sessions wait for ' +
          'Redis.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ cache }) => ({ cacheEntries: cache }))
  .prefault({})
