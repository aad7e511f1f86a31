import { readdirSync } from 'node:fs'
import { residentBytes } from '../harness/cpu.ts'
import type { Inspector } from '../harness/inspector.ts'
import { scrapedMetrics } from '../harness/metric.ts'
import type { BenchRedis } from '../harness/redis.ts'
import type { SamplePoint } from './slope.ts'

/** A process that a soak watches. */
export interface WatchedProcess {
  readonly name: string
  readonly pid: number
  /** Port of its metrics, and its inspector; without them, only resident memory and files are sampled. */
  readonly insight?: { readonly adminPort: number; readonly inspector: Inspector }
}

/** Samples of one figure of one process. */
export interface SampleSeries {
  readonly process: string
  readonly figure: SoakFigure
  readonly points: SamplePoint[]
}

/**
 * Figures of a soak, with the slope per hour that is allowed. A process keeps compiled code, caches up to their bounds and
 * heap fragmentation for some time, so resident memory has the widest allowance.
 */
export const soakFigures = {
  resident_mib: { most: 8, about: 'resident memory' },
  heap_mib: { most: 2, about: 'JavaScript heap after a garbage collection' },
  external_mib: { most: 2, about: 'memory of JavaScript outside the heap, after a garbage collection' },
  files: { most: 4, about: 'open file descriptors' },
  keys: { most: 60, about: 'keys in Redis' },
  redis_mib: { most: 2, about: 'memory of Redis' },
  p50_ms: { most: 0.5, about: 'median latency of requests with a JWT' },
  p99_ms: { most: 5, about: 'latency of requests with a JWT, 99th percentile' },
} as const

export type SoakFigure = keyof typeof soakFigures

const MIB = 1024 * 1024
/** Number of samples between two garbage collections. */
const SAMPLES_PER_COLLECTION = 3

/** Takes samples of processes and of Redis. */
export class SoakSamples {
  readonly series: SampleSeries[] = []
  readonly #processes: readonly WatchedProcess[]
  readonly #redis: BenchRedis
  #taken = 0

  constructor(processes: readonly WatchedProcess[], redis: BenchRedis) {
    this.#processes = processes
    this.#redis = redis
  }

  /** @param atS  time since the beginning of the soak, s */
  async take(atS: number): Promise<void> {
    const collects = this.#taken++ % SAMPLES_PER_COLLECTION === 0
    for (const watched of this.#processes) {
      const { name, pid, insight } = watched
      if (collects && insight !== undefined) {
        await insight.inspector.collectGarbage()
        const memory = await scrapedMetrics(insight.adminPort, [
          'gatehouse_memory_heap_bytes',
          'gatehouse_memory_external_bytes',
        ])
        this.add(name, 'heap_mib', atS, memory.gatehouse_memory_heap_bytes / MIB)
        this.add(name, 'external_mib', atS, memory.gatehouse_memory_external_bytes / MIB)
      }
      this.add(name, 'resident_mib', atS, residentBytes(pid) / MIB)
      this.add(name, 'files', atS, readdirSync(`/proc/${pid}/fd`).length)
    }
    const info = String(await this.#redis.slowClient.call('INFO', 'memory'))
    this.add('redis', 'redis_mib', atS, Number(/^used_memory:(\d+)/m.exec(info)?.[1]) / MIB)
    this.add('redis', 'keys', atS, await redisKeys(this.#redis))
  }

  add(process: string, figure: SoakFigure, atS: number, value: number): void {
    let series = this.series.find((each) => each.process === process && each.figure === figure)
    if (series === undefined) {
      series = { process, figure, points: [] }
      this.series.push(series)
    }
    series.points.push({ atS, value })
  }
}

export async function redisKeys(redis: BenchRedis): Promise<number> {
  return Number(await redis.slowClient.call('DBSIZE'))
}
