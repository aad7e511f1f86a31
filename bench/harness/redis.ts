import { startRedis } from '../../deploy/redis-server.ts'
import { freePort } from '../../gateway/port.ts'
import type { RedisClient } from '../../gateway/redis/redis-client.ts'
import { RedisLink } from '../../gateway/redis/redis-link.ts'
import { cpuTimeUs } from './cpu.ts'
import type { Running } from './process.ts'

/** Commands and CPU time of a Redis server during a measurement. */
export interface RedisUse {
  /** Number of calls of Lua scripts. Rate limits and shared introspection results use scripts. */
  readonly calls: number
  /** Number of all commands, including commands that scripts execute. */
  readonly commands: number
  readonly cpuUs: number
}

/**
 * A new Redis server for the bench. It already has a cluster epoch, so nodes do not wait for members with older state.
 */
export class BenchRedis implements Running {
  readonly url: string
  readonly pid: number
  readonly link: RedisLink
  /** Connection with a time limit of 3 s per command, for slow commands and busy machines. */
  readonly slowClient: RedisClient
  readonly #stop: () => Promise<void>

  private constructor(url: string, pid: number, link: RedisLink, stop: () => Promise<void>) {
    this.url = url
    this.pid = pid
    this.link = link
    this.slowClient = link.client('receipt', 'bench')
    this.#stop = stop
  }

  static async start(folder: string): Promise<BenchRedis> {
    const port = await freePort('127.0.0.1')
    const server = await startRedis({ folder, port })
    const place = { topology: 'standalone', server: { host: '127.0.0.1', port }, database: 0 } as const
    const settings = { place, tls: undefined, username: undefined, password: undefined, prefix: 'gh:' }
    const link = new RedisLink(settings, () => undefined)
    await untilReady(link.store)
    await link.store.call('SET', link.keys.epoch, 'first', 'NX')
    const redis = new BenchRedis(server.url, server.pid, link, () => server.stop())
    await untilReady(redis.slowClient)
    return redis
  }

  /** Counts the commands and the CPU time of this Redis server while `work` runs. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly use: RedisUse }> {
    const before = await this.#look()
    const result = await work()
    const after = await this.#look()
    const use = {
      calls: after.calls - before.calls,
      commands: after.commands - before.commands,
      cpuUs: after.cpuUs - before.cpuUs,
    }
    return { result, use }
  }

  async #look(): Promise<RedisUse> {
    const cpuUs = cpuTimeUs(this.pid)
    const stats = String(await this.slowClient.call('INFO', 'commandstats'))
    let commands = 0
    for (const [, name, calls] of stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
      if (name !== 'info') commands += Number(calls)
    }
    return { calls: Number(/^cmdstat_evalsha:calls=(\d+)/m.exec(stats)?.[1] ?? 0), commands, cpuUs }
  }

  async stop(): Promise<void> {
    await this.link.close()
    await this.#stop()
  }
}

async function untilReady(client: RedisClient): Promise<void> {
  for (let i = 0; i < 500 && !client.ready; i++) await new Promise((resolve) => setTimeout(resolve, 10))
}
