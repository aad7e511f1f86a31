import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts process times in hundredths of a second (`getconf CLK_TCK`). */
const TICK_US = 10_000

/**
 * User and system time of a process, µs. Uses the scheduler's counter per thread, in ns, if the kernel has it: a
 * hundredth of a second is too coarse for an idle process. Ended threads are not included; the measured processes have
 * none.
 */
export function cpuTimeUs(pid: number): number {
  try {
    const folder = `/proc/${pid}/task`
    return readdirSync(folder).reduce((sum, thread) => sum + ranNs(`${folder}/${thread}/schedstat`), 0) / 1000
  } catch {
    return tickTimeUs(pid)
  }
}

/**
 * Time in which the main thread of a process ran or waited for a CPU, µs. Without the kernel's counter of the wait,
 * only the time in which it ran.
 */
export function awakeTimeUs(pid: number): number {
  try {
    const [ran, queued] = schedstat(`/proc/${pid}/task/${pid}/schedstat`)
    return (ran + queued) / 1000
  } catch {
    return tickTimeUs(pid)
  }
}

function ranNs(file: string): number {
  return schedstat(file)[0]
}

/** Time on a CPU and time waiting for a CPU, ns. */
function schedstat(file: string): readonly [ran: number, queued: number] {
  const [ran, queued] = readFileSync(file, 'utf8').split(' ')
  return [Number(ran), Number(queued)]
}

/** proc(5), fields 14 and 15 of `stat`. */
function tickTimeUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

/** Resident memory, bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
}
