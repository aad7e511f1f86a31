import { Supervisor } from '../base/supervisor.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'

const LOOK_MS = 10_000

/** Memory of one Redis server, bytes. `maxBytes` is `maxmemory`; 0: no limit. */
interface ServerMemory {
  readonly usedBytes: number
  readonly maxBytes: number
}

interface Servers {
  callMasters(command: string, ...args: string[]): Promise<readonly unknown[]>
}

/**
 * Metrics of the memory of Redis, read every 10 s. In a Redis Cluster: of the master that uses the largest share of its
 * limit. Without values while Redis does not answer.
 */
export class RedisMemory implements MetricSource {
  readonly #servers: Servers
  readonly #task = new Supervisor('redis-memory')
  readonly #end: () => void
  #fullest: ServerMemory | undefined

  constructor(servers: Servers) {
    this.#servers = servers
    this.#end = this.#task.repeat(LOOK_MS, () => this.#look())
    void this.#task.attempt(() => this.#look())
  }

  collect(sink: MetricSink): void {
    if (this.#fullest === undefined) return
    sink.value(instruments.redisMemory, this.#fullest.usedBytes, {})
    sink.value(instruments.redisMemoryMax, this.#fullest.maxBytes, {})
  }

  close(): void {
    this.#end()
  }

  async #look(): Promise<void> {
    try {
      const texts = await this.#servers.callMasters('INFO', 'memory')
      this.#fullest = texts.map((text) => memoryIn(String(text))).toSorted((a, b) => share(b) - share(a))[0]
    } catch {
      // Show no value while Redis is unavailable: an old value would look like a current one.
      this.#fullest = undefined
    }
  }
}

function memoryIn(info: string): ServerMemory {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0)
  return { usedBytes: field('used_memory'), maxBytes: field('maxmemory') }
}

function share({ usedBytes, maxBytes }: ServerMemory): number {
  return maxBytes === 0 ? 0 : usedBytes / maxBytes
}
