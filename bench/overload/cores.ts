import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * Binds all threads of a process to CPU cores (`taskset` of util-linux). Processes that it starts later inherit them.
 *
 * @param cores  list of core numbers, such as `0` or `0,1`
 * @throws {Error} when taskset is not installed, or the machine has no such core
 */
export function bindToCores(pid: number, cores: string): void {
  const { status, stderr, error } = spawnSync('taskset', ['-a', '-p', '-c', cores, String(pid)], { encoding: 'utf8' })
  if (status !== 0) {
    const why = error?.message ?? stderr.trim()
    throw new Error(
      `process ${pid} cannot be bound to core ${cores}: ${why}; the scenario needs util-linux and 2 cores`,
    )
  }
}

/** Time of a core since the start of the machine, in ticks. */
export interface CoreTime {
  readonly busy: number
  readonly all: number
}

/** Reads the time of a core from /proc/stat (proc(5)). */
export function coreTime(core: number): CoreTime {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? ''
  const fields = line.split(' ').map(Number)
  // Fields: user, nice, system, idle, iowait, irq, softirq, steal. Times of guests are part of user and nice.
  const all = fields.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0)
  return { busy: all - fields[3]! - fields[4]!, all }
}

/** Returns the busy share of a core between two readings, %. */
export function busyPercent(from: CoreTime, to: CoreTime): number {
  return (100 * (to.busy - from.busy)) / Math.max(1, to.all - from.all)
}
