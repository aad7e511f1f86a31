import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Makes this process the owner of a folder, by writing a file `owner` that identifies the process. Two nodes that share
 * a folder would ship each other's records and delete files that the other node still writes. A file of a process that
 * has ended is replaced, also when the process ended before a reboot. A file of a process in another container is
 * replaced too, because that process is not visible: it notices with `stillOwns` that it is no longer the owner.
 *
 * @throws {Error} when another running process owns the folder
 */
export function own(folder: string): void {
  const [pid = '', mark] = read(join(folder, 'owner'))?.split(' ') ?? []
  if (Number(pid) !== process.pid && mark !== undefined && mark === markOf(pid)) {
    throw new Error(`the folder is in use by process ${pid}`)
  }
  writeFileSync(join(folder, 'owner'), ownMark(), { mode: 0o600 })
}

/** Whether this process still owns the folder: no other process has written its `owner` file since. */
export function stillOwns(folder: string): boolean {
  return read(join(folder, 'owner')) === ownMark()
}

function ownMark(): string {
  return `${process.pid} ${markOf(String(process.pid))}`
}

/**
 * Returns the boot id and the start time of a process. Both values together distinguish the process from a later
 * process with the same id.
 */
function markOf(pid: string): string | undefined {
  const stat = /^[1-9][0-9]*$/.test(pid) ? read(`/proc/${pid}/stat`) : undefined
  // Read the fields after the process name, which is in parentheses and can contain blanks. The start time is field 22
  // of proc_pid_stat(5).
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
