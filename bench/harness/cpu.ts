import { readdirSync, readFileSync } from 'node:fs'

/** CPU times in /proc/<pid>/stat are in ticks of 10 ms (`getconf CLK_TCK`). */
const TICK_US = 10_000

/**
 * Returns the user and system CPU time of a process, µs. Reads the scheduler's counter of each thread (ns) if the
 * kernel has it, because a tick of 10 ms is too coarse for an idle process. Ended threads are not counted; the measured
 * processes end no threads.
 */
export function cpuTimeUs(pid: number): number {
  return cpuTimesUs(pid).allUs
}

/** User and system CPU time of a process, µs. */
export interface CpuTimes {
  readonly allUs: number
  /** Part of `allUs` that the main thread used. */
  readonly mainUs: number
}

/**
 * Returns the CPU time of a process as `cpuTimeUs` does, and the part of the main thread. If the kernel has no counter of
 * each thread, the main thread counts as the whole process.
 */
export function cpuTimesUs(pid: number): CpuTimes {
  const folder = `/proc/${pid}/task`
  try {
    const ranUs = (thread: number | string): number => schedstat(`${folder}/${thread}/schedstat`)[0] / 1000
    return { allUs: readdirSync(folder).reduce((sum, thread) => sum + ranUs(thread), 0), mainUs: ranUs(pid) }
  } catch {
    const us = tickTimeUs(pid)
    return { allUs: us, mainUs: us }
  }
}

/**
 * Returns the time in which the main thread of a process ran or waited for a CPU core, µs. If the kernel does not count
 * the wait, returns only the time in which the thread ran.
 */
export function awakeTimeUs(pid: number): number {
  try {
    const [ran, queued] = schedstat(`/proc/${pid}/task/${pid}/schedstat`)
    return (ran + queued) / 1000
  } catch {
    return tickTimeUs(pid)
  }
}

/** Reads how long a thread ran on a CPU core and how long it waited for one, ns. */
function schedstat(file: string): readonly [ran: number, queued: number] {
  const [ran, queued] = readFileSync(file, 'utf8').split(' ')
  return [Number(ran), Number(queued)]
}

/** Reads user and system CPU time from fields 14 and 15 of /proc/<pid>/stat (proc(5)), µs. */
function tickTimeUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // Field 2 of /proc/<pid>/stat is the process name in parentheses. The name can contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

/** Reads the resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}
