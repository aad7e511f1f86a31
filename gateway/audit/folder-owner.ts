import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Takes a folder for this process. Two nodes in one folder would ship each other's records, and delete what the other
 * still writes. The mark of a process that is gone, also of one before a restart of the machine, is taken over; so is that
 * of one in another container, which cannot be seen: `stillOwns` tells the one before.
 *
 * @throws {Error} when another process has it
 */
export function own(folder: string): void {
  const [pid = '', mark] = read(join(folder, 'owner'))?.split(' ') ?? []
  if (Number(pid) !== process.pid && mark !== undefined && mark === markOf(pid)) {
    throw new Error(`process ${pid} has it`)
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

/** Tells a process from every other that has its id one day: which start of the machine, and when since. */
function markOf(pid: string): string | undefined {
  const stat = /^[1-9][0-9]*$/.test(pid) ? read(`/proc/${pid}/stat`) : undefined
  // The name in parentheses may hold blanks; the start is field 22 of proc_pid_stat(5).
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
