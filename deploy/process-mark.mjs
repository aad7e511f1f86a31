import { readFileSync } from 'node:fs'

/**
 * Identifies a process by its pid and, if /proc is available, its start time. A pid alone may be reused by another
 * process.
 *
 * @param {number} pid
 * @returns {string | undefined} `undefined` if there is no such process or it is a zombie
 */
export function processMark(pid) {
  const stat = procStat(pid)
  if (stat !== undefined) {
    // proc(5): field 2, the name, may contain any character and ends with the last ")". State is field 3, start time 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${pid}:${fields[19]}`
  }
  return procStat(process.pid) === undefined && answersToSignals(pid) ? `${pid}:` : undefined
}

/** Whether the process of this mark is running. */
export function isRunning(mark) {
  return processMark(Number.parseInt(mark, 10)) === mark
}

function procStat(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
}

function answersToSignals(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
