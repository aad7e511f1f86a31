import { totalmem } from 'node:os'
import {
  constants,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'

/** Interval of the native timer that measures the event loop, ms. */
const RESOLUTION_MS = 10

/** Values measured in one interval. */
export interface PressureReading {
  /** Median delay of the event loop in the interval, ms. */
  readonly delayMs: number
  /** Part of the interval in which the event loop did not wait for events, 0 to 1. */
  readonly busy: number
  /** Used part of the memory, 0 to 1: the highest of process memory and JavaScript heap, each of its limit. */
  readonly memory: number
}

/** Source of the measured values. Tests pass another source. */
export interface Pressure {
  /**
   * Returns the values of the time since the last call.
   *
   * @param lateMs  time by which this call is late, ms: the delay of an interval in which the event loop was blocked
   */
  read(lateMs: number): PressureReading
  close(): void
}

/**
 * Measures the process.
 *
 * The delay is the median of the delays of a timer that is due every 10 ms, because a single pause of the process does
 * not mean that the node cannot keep up. libuv measures it without JavaScript, and the time in which the event loop waits
 * for events.
 *
 * The memory limit is that of the container (cgroup), or else of the machine. The heap is measured after each full
 * garbage collection, because before it most of a full heap can be garbage.
 */
export class NodePressure implements Pressure {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #collections: PerformanceObserver
  readonly #memoryLimit = memoryLimit()
  #utilization = performance.eventLoopUtilization()
  /** Used part of the heap after the last full garbage collection; 0 before the first. */
  #heap = 0

  constructor() {
    this.#delays.enable()
    this.#collections = new PerformanceObserver((list) => {
      if (list.getEntries().some(isFullCollection)) this.#heap = usedHeap()
    })
    this.#collections.observe({ entryTypes: ['gc'] })
  }

  read(lateMs: number): PressureReading {
    // Subtract the interval of the timer, because a recorded delay includes it.
    const delayMs = this.#delays.count === 0 ? lateMs : this.#delays.percentile(50) / 1e6 - RESOLUTION_MS
    this.#delays.reset()
    const before = this.#utilization
    this.#utilization = performance.eventLoopUtilization()
    const busy = performance.eventLoopUtilization(this.#utilization, before).utilization
    const memory = Math.max(process.memoryUsage.rss() / this.#memoryLimit, this.#heap)
    return { delayMs: Math.max(0, delayMs), busy, memory }
  }

  close(): void {
    this.#delays.disable()
    this.#collections.disconnect()
  }
}

function isFullCollection(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } }
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}

function usedHeap(): number {
  const { used_heap_size, heap_size_limit } = getHeapStatistics()
  return used_heap_size / heap_size_limit
}

/** Memory limit of the process, bytes. */
function memoryLimit(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}
