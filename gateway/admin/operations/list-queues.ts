import { z } from 'zod'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'

const queue = z.strictObject({
  queue: z.string().describe('Kind of the jobs, and the issuer or audit sink that they concern: `refresh:corp`.'),
  waiting: z.int().describe('Jobs that wait for a worker.'),
  active: z.int().describe('Jobs that workers process now.'),
  delayed: z.int().describe('Jobs that wait for their scheduled time or for a retry.'),
  failed: z.int().describe('Jobs that failed after all retries. The queue keeps the newest ones.'),
  lag_ms: z.number().describe('Age of the oldest waiting job, ms; 0 when no job waits.'),
  workers: z.int().nullable().describe('Workers that process the queue; null when Redis refuses to list its clients.'),
  last_failure: z.string().nullable().describe('Why the newest failed job failed.'),
})

export const listQueues = operation({
  id: 'list_queues',
  method: 'GET',
  path: '/api/v1/queues',
  summary: 'List the workers and their job queues',
  description:
    'Lists the running workers, and the job queues that the policy and the audit sinks in the settings of this node need. ' +
    'A worker reports every 5 s; one that stopped without a report is listed for up to 16 s.',
  scope: 'gatehouse:read',
  replies: {
    200: {
      description: 'The workers and the queues.',
      schema: z.strictObject({
        workers: z.array(z.string()).describe('Ids of the workers (`node.id` in their settings).'),
        queues: z.array(queue),
      }),
    },
  },
  problems: ['cluster_unavailable', 'unavailable'],
  example: {
    reply: {
      workers: ['worker-1'],
      queues: [
        {
          queue: 'ship:archive',
          waiting: 0,
          active: 1,
          delayed: 1,
          failed: 0,
          lag_ms: 0,
          workers: 1,
          last_failure: null,
        },
      ],
    },
  },
  run: async ({ dependencies }) => {
    const { keys, queues } = requireRedis(dependencies)
    const [workers, listed] = await Promise.all([keys.workers(), queues.list()])
    return { status: 200, document: { workers, queues: listed } }
  },
})
