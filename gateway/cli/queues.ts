import { Command } from 'commander'
import { ConfigError } from '../config/problem.ts'
import { loadSettings, type Settings } from '../config/settings.ts'
import { loadPolicy } from '../policy/policy-source.ts'
import { introspectToken } from '../queues/introspect-token.ts'
import { type QueueListing, QueueView } from '../queues/queue-view.ts'
import { refreshSession } from '../queues/refresh-session.ts'
import { shipAudit } from '../queues/ship-audit.ts'
import { RedisLink } from '../redis/redis-link.ts'
import { addHelp } from './help.ts'
import { CliError, exitCodes, Output, type OutputFormat, outputOption } from './output.ts'

interface QueuesFlags {
  readonly config?: string
  readonly policy?: string
  readonly output: OutputFormat
}

const LIMIT_MS = 5000

/** `gatehouse queues`: lists the job queues of the workers. Reads Redis directly, so it works while no node runs. */
export function queuesCommand(): Command {
  const command = new Command('queues')
    .description('List the queues of jobs: what waits, runs and failed')
    .option('-c, --config <file>', 'settings file of a node or worker; environment variables beat it')
    .option('--policy <path>', 'the policy, a file or a folder')
    .addOption(outputOption())
    .action(async (flags: QueuesFlags) => {
      const output = new Output(flags.output)
      try {
        print(await list(flags), output)
      } catch (error) {
        process.exitCode = output.error(error)
      }
      // A connection attempt in progress would keep the process alive.
      process.exit()
    })
  return addHelp(
    command,
    [
      { run: 'gatehouse queues --config gatehouse.yaml', does: 'one line a queue' },
      { run: 'gatehouse queues -c gatehouse.yaml --output json', does: 'for scripts' },
    ],
    {
      [exitCodes.invalid]: 'settings or policy do not hold',
      [exitCodes.unreachable]: 'Redis does not answer',
    },
  )
}

async function list({ config, policy }: QueuesFlags): Promise<QueueListing[]> {
  const flags = policy === undefined ? {} : { policy: { path: policy } }
  const settings = loadSettings({ path: config, env: process.env, flags })
  const { issuers } = loadPolicy(settings.policy.path).document
  const named = (part: 'introspection' | 'login') =>
    Object.entries(issuers).flatMap(([name, entry]) => (entry[part] === undefined ? [] : [name]))
  const kinds = [
    { kind: introspectToken.kind, names: named('introspection') },
    { kind: refreshSession.kind, names: named('login') },
    { kind: shipAudit.kind, names: settings.sinks.map(({ name }) => name) },
  ].filter(({ names }) => names.length > 0)
  return kinds.length === 0 ? [] : ask(settings, kinds)
}

interface QueueKind {
  readonly kind: string
  readonly names: readonly string[]
}

async function ask({ redis }: Settings, kinds: readonly QueueKind[]): Promise<QueueListing[]> {
  if (redis === undefined) throw new CliError(exitCodes.invalid, 'GH_CONFIG_MISSING', 'redis is not set: no queues')
  let trouble = 'no reply in time'
  const link = new RedisLink(redis, (_, __, { reason }) => {
    if (reason !== undefined) trouble = String(reason)
  })
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error(trouble)), LIMIT_MS).unref())
  try {
    await Promise.race([reached(link), late])
    const listed = Promise.all(kinds.map(({ kind, names }) => new QueueView(kind, link).list(names)))
    return (await Promise.race([listed, late])).flat()
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new CliError(exitCodes.unreachable, 'GH_UNREACHABLE', `Redis does not answer: ${(error as Error).message}`)
  }
}

async function reached({ store }: RedisLink): Promise<void> {
  if (!store.ready) await new Promise<void>((resolve) => store.onReady(resolve))
}

function print(queues: readonly QueueListing[], output: Output): void {
  output.table(
    ['queue', 'waiting', 'active', 'delayed', 'failed', 'lag', 'workers', 'last failure'],
    queues.map((each) => [
      each.queue,
      ...[each.waiting, each.active, each.delayed, each.failed].map(String),
      `${(each.lag_ms / 1000).toFixed(1)}s`,
      String(each.workers),
      each.last_failure ?? '',
    ]),
  )
  output.document({ queues })
}
