import { readFileSync } from 'node:fs'

/**
 * Names one process for good: its pid and, where /proc tells it, its start time. A pid alone may belong to another
 * process later.
 *
 * @param {number} pid
 * @returns {string | undefined} `undefined` when there is no such process, or only its exit status is left
 */
export function processMark(pid) {
  const stat = procStat(pid)
  if (stat !== undefined) {
    // proc(5): the name, field 2, may hold anything but ends with the last ")"; then come state (3) … start time (22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${pid}:${fields[19]}`
  }
  return procStat(process.pid) === undefined && answersToSignals(pid) ? `${pid}:` : undefined
}

/** Whether the process that was marked still runs. */
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
