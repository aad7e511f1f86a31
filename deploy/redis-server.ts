import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, endReport, startChild } from './child.ts'
import { findRedis } from './redis.mjs'
import { pingRedis } from './redis-ping.ts'

export interface RedisOptions {
  /** Folder for data and log of this Redis server. Created if absent. */
  readonly folder: string
  /**
   * TCP port on 127.0.0.1. Default: no TCP port, only a Unix socket in `folder`, whose path must have at most 107
   * bytes.
   */
  readonly port?: number
  /**
   * Whether Redis writes an append-only file, so that its data survives a restart. Default: false, nothing is written
   * to disk.
   */
  readonly appendOnly?: boolean
  /**
   * Additional command line arguments, for example `['--maxmemory', '100mb']`. They override the arguments that this
   * module sets.
   */
  readonly arguments?: readonly string[]
  readonly signal?: AbortSignal
}

export interface RedisServer extends Child {
  readonly url: string
}

/**
 * Starts a Redis server and waits until it answers. The server ends when `stop()` is called or this process ends.
 *
 * @throws {Error} when no Redis program is found, or the server does not answer within 30 s; the message has the last
 * lines of its log
 */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const { command, env } = findRedis()
  const { folder, port, appendOnly = false } = options
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const socket = join(folder, 'redis.sock')
  const place =
    port === undefined ? ['--port', '0', '--unixsocket', socket] : ['--port', `${port}`, '--bind', '127.0.0.1']
  const child = await startChild({
    name: 'redis',
    command,
    arguments: [
      ...place,
      ...['--dir', folder, '--save', '', '--appendonly', appendOnly ? 'yes' : 'no'],
      // With eviction, Redis could delete revocations when its memory is full. With `noeviction`, writes fail instead.
      ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no', '--logfile', ''],
      ...(options.arguments ?? []),
    ],
    env: { ...process.env, ...env },
    cwd: folder,
    log: join(folder, 'redis.log'),
  })
  const url = port === undefined ? `unix://${socket}` : `redis://127.0.0.1:${port}`
  try {
    await untilItAnswers(child, url, options.signal)
  } catch (error) {
    await child.stop()
    throw error
  }
  return { ...child, url }
}

async function untilItAnswers(child: Child, url: string, signal: AbortSignal | undefined): Promise<void> {
  let ended: string | undefined
  child.ended.then((how) => {
    ended = how
  })
  const deadlineMs = performance.now() + 30_000
  for (;;) {
    signal?.throwIfAborted()
    try {
      await pingRedis(url)
      return
    } catch (cause) {
      if (ended !== undefined) throw new Error(endReport(child, `ended (${ended})`), { cause })
      if (performance.now() > deadlineMs) throw new Error(endReport(child, 'does not answer'), { cause })
    }
    await sleep(20)
  }
}
