import { z } from 'zod'

/** Schema of the settings `worker`: settings that only `gatehouse worker` uses. */
export const workerSettings = z
  .strictObject({
    concurrency: z
      .int()
      .min(1)
      .max(1000)
      .prefault(16)
      .describe('Maximum number of jobs of one queue that a worker runs at the same time. Default 16, 1 to 1000.')
      .meta({ reload: 'restart' }),
  })
  .prefault({})
