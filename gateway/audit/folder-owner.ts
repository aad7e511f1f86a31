import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Takes a folder for this process. Two nodes that share a folder would ship each other's records and delete files that
 * the other still writes. The function takes over the mark of a process that has ended, also from before a reboot. It
 * also takes over the mark of a process in another container, which is not visible from here: that process notices this
 * with `stillOwns`.
 *
 * @throws {Error} when another running process owns the folder
 */
export function own(folder: string): void {
  const [pid = '', mark] = read(join(folder, 'owner'))?.split(' ') ?? []
  if (Number(pid) !== process.pid && mark !== undefined && mark === markOf(pid)) {
    throw new Error(`process ${pid} uses it`)
  }
  writeFileSync(join(folder, 'owner'), ownMark(), { mode: 0o600 })
}

/** Whether no other process has taken the folder since. */
export function stillOwns(folder: string): boolean {
  return read(join(folder, 'owner')) === ownMark()
}

function ownMark(): string {
  return `${process.pid} ${markOf(String(process.pid))}`
}

/** Returns the boot id and the start time of a process. They tell the process from a later one with the same id. */
function markOf(pid: string): string | undefined {
  const stat = /^[1-9][0-9]*$/.test(pid) ? read(`/proc/${pid}/stat`) : undefined
  // The name in parentheses may contain blanks. The start time is field 22 of proc_pid_stat(5).
  const started = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return started && `${read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}/${started}`
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
