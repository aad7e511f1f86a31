import { z } from 'zod'
import { listenAddress } from './listener.ts'

/** `worker`: of `gatehouse worker` alone. */
export const workerSettings = z
  .strictObject({
    concurrency: z
      .int()
      .min(1)
      .max(1000)
      .prefault(16)
      .describe('Jobs of one queue that a worker does at the same time. Default 16, 1 to 1000.')
      .meta({ reload: 'restart' }),
  })
  .prefault({})

export const probesSettings = z
  .strictObject({
    listen: listenAddress
      .optional()
      .describe('Where /livez, /readyz and /startupz answer, and nothing else. Default none.')
      .meta({ reload: 'restart' }),
  })
  .prefault({})
