import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { findRedis } from '../../deploy/redis.mjs'

const run = promisify(execFile)
const limitMs = 60_000

/** Creates a Redis Cluster of these servers, with one replica for each master. */
export async function createRedisCluster(hosts: readonly string[]): Promise<void> {
  const { command, env } = findRedis()
  const name = command.includes('valkey') ? 'valkey-cli' : 'redis-cli'
  const words = ['--cluster', 'create', ...hosts, '--cluster-replicas', '1', '--cluster-yes']
  await run(join(dirname(command), name), words, { env: { ...process.env, ...env }, timeout: limitMs })
}

/**
 * Sends one command to a Redis server or sentinel on this machine over its own connection.
 *
 * @returns the reply as `redis-cli` prints it: the members of a list are lines
 */
export async function redisCli(port: number, command: string, ...words: string[]): Promise<string> {
  const redis = new Redis(port, '127.0.0.1', {
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: limitMs,
    commandTimeout: limitMs,
    retryStrategy: () => null,
  })
  // Errors are ignored here: a failed connection rejects the call below.
  redis.on('error', () => {})
  try {
    await redis.connect()
    return printed(await redis.call(command, ...words)).trim()
  } finally {
    redis.disconnect()
  }
}

function printed(reply: unknown): string {
  return Array.isArray(reply) ? reply.map(printed).join('\n') : String(reply ?? '')
}

/** Repeats a Redis command until `wanted` is true for its reply. */
export async function untilAnswered(
  port: number,
  [command, ...words]: readonly [string, ...string[]],
  wanted: (answer: string) => boolean,
): Promise<void> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const answer = await redisCli(port, command, ...words).catch((error: Error) => error.message)
    if (wanted(answer)) return
    if (performance.now() > deadline)
      throw new Error(`${command} ${words.join(' ')} at ${port} still answers ${answer}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
