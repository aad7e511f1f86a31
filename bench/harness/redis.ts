import { RedisLink } from '../../gateway/redis/redis-link.ts'
import { cpuTimeUs } from '../harness/cpu.ts'

/** What a Redis does between two moments: script calls, and CPU of the process. */
export class RedisUse {
  readonly #link: RedisLink
  readonly #pid: number
  #calls = 0
  #cpuUs = 0

  private constructor(link: RedisLink, pid: number) {
    this.#link = link
    this.#pid = pid
  }

  static async start(url: string, pid: number): Promise<RedisUse> {
    const { hostname: host, port } = new URL(url)
    const place = { topology: 'standalone', server: { host, port: Number(port) }, database: 0 } as const
    const settings = { place, tls: undefined, username: undefined, password: undefined, prefix: 'gh:' }
    const link = new RedisLink(settings as never, () => undefined)
    for (let i = 0; i < 200 && !link.store.ready; i++) await new Promise((resolve) => setTimeout(resolve, 10))
    const use = new RedisUse(link, pid)
    use.#calls = await use.#count()
    use.#cpuUs = cpuTimeUs(pid)
    return use
  }

  async end(): Promise<{ readonly calls: number; readonly cpuUs: number }> {
    const used = { calls: (await this.#count()) - this.#calls, cpuUs: cpuTimeUs(this.#pid) - this.#cpuUs }
    await this.#link.close()
    return used
  }

  async #count(): Promise<number> {
    const stats = String(await this.#link.store.call('INFO', 'commandstats'))
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
  }
}
