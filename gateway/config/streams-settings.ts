import { z } from 'zod'
import { duration } from './text-schemas.ts'

/** Schema of the settings `streams`: event streams, long downloads and uploads in progress. */
export const streamsSettings = z
  .strictObject({
    hold: duration({ min: '1s', max: '10m' })
      .prefault('30s')
      .describe(
        'Maximum time for which the node holds its streams while it cannot know whether they are still allowed: ' +
          'nothing is relayed, and afterwards they end. Default 30s, 1s to 10m. `streams.hold` of a route overrides it.',
      )
      .meta({ reload: 'restart' }),
  })
  .transform(({ hold }) => ({ holdMs: hold }))
  .prefault({})
