import { z } from 'zod'
import { duration } from './text-schemas.ts'

/** Schema of the settings `streams`: event streams, long downloads and uploads in progress. */
export const streamsSettings = z
  .strictObject({
    hold: duration({ min: '1s', max: '10m' })
      .prefault('30s')
      .describe(
        'Maximum time for which the node holds a stream while it cannot check whether the stream is still allowed. ' +
          'During this time it relays nothing; after this time the stream ends. Default 30s, 1s to 10m. `streams.hold` ' +
          'of a route overrides it.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ hold }) => ({ holdMs: hold }))
  .prefault({})
