import { z } from 'zod'
import { ConfigError } from '../../config/problem.ts'
import { loadSettings, type Settings } from '../../config/settings.ts'
import { allQueues, type QueueNames } from '../../policy/job-queues.ts'
import { type QueueListing, QueueView } from '../../queues/queue-view.ts'
import { RedisLink } from '../../redis/redis-link.ts'
import { CliError, exitCodes } from '../output.ts'
import { policyOfSettings } from '../settings-policy.ts'
import { defineVerb, flag } from '../verb.ts'

const REDIS_MS = 5000

/**
 * `gatehouse queues`: lists the job queues of the workers. The verb reads Redis directly, so no running node is needed.
 */
export const verb = defineVerb({
  description: 'List the job queues with their waiting, active and failed jobs',
  flags: {
    config: z.string().optional().register(flag, {
      short: 'c',
      value: 'file',
      help: 'settings file of a node or worker; environment variables override its values',
    }),
    policy: z.string().optional().register(flag, { value: 'path', help: 'path of the policy: a file or a folder' }),
  },
  examples: [
    { run: 'gatehouse queues --config gatehouse.yaml', does: 'one line per queue' },
    { run: 'gatehouse queues -c gatehouse.yaml --output json', does: 'as JSON' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'invalid settings or policy',
    [exitCodes.unreachable]: 'Redis did not reply',
  },
  run: async ({ config, policy }, output) => {
    const flags = policy === undefined ? {} : { policy: { path: policy } }
    const settings = loadSettings({ path: config, env: process.env, flags })
    const snapshot = await policyOfSettings(settings)
    const kinds = allQueues(snapshot, settings.sinks)
    const queues = kinds.length === 0 ? [] : await listQueues(settings, kinds)
    output.table(
      ['queue', 'waiting', 'active', 'delayed', 'failed', 'lag', 'workers', 'last failure'],
      queues.map((each) => [
        each.queue,
        ...[each.waiting, each.active, each.delayed, each.failed].map(String),
        `${(each.lag_ms / 1000).toFixed(1)}s`,
        String(each.workers ?? 'unknown'),
        each.last_failure ?? '',
      ]),
    )
    output.document({ queues })
  },
})

async function listQueues({ redis }: Settings, kinds: readonly QueueNames[]): Promise<QueueListing[]> {
  if (redis === undefined) {
    const message = 'redis is not set: without Redis there are no job queues'
    const hint = 'set redis.url in the settings file, or GATEHOUSE_REDIS_URL'
    throw new CliError(exitCodes.invalid, 'GH_CONFIG_MISSING', message, hint)
  }
  let lastError = `no reply within ${REDIS_MS / 1000} s`
  const link = new RedisLink(redis, (_, __, { reason }) => {
    if (reason !== undefined) lastError = String(reason)
  })
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error(lastError)), REDIS_MS).unref())
  try {
    await Promise.race([ready(link), late])
    const listed = Promise.all(kinds.map(({ kind, names }) => new QueueView(kind, link).list(names, true)))
    return (await Promise.race([listed, late])).flat()
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const message = `Redis did not reply: ${(error as Error).message}`
    const hint = 'check that Redis runs, and that `redis` in the settings names its address and password'
    throw new CliError(exitCodes.unreachable, 'GH_UNREACHABLE', message, hint)
  } finally {
    await link.close()
  }
}

async function ready({ store }: RedisLink): Promise<void> {
  if (!store.ready) await new Promise<void>((resolve) => store.onReady(resolve))
}
