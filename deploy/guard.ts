import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { processMark } from './process-mark.mjs'

let watchdog: ChildProcess | undefined

/**
 * Sees to it that a process which we started does not outlive us, even when we are killed. For programs that cannot
 * notice it themselves, such as redis-server.
 *
 * @returns lets go of it; to be called when it has ended
 */
export function guard(pid: number): () => void {
  const mark = processMark(pid)
  if (mark === undefined) return () => {}
  watchdog ??= startWatchdog()
  const pipe = watchdog.stdin
  pipe?.write(`+${mark}\n`)
  return () => {
    if (pipe?.writable) pipe.write(`-${mark}\n`)
  }
}

function startWatchdog(): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'watchdog.ts')], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // In a session of its own: what is sent to our process group must not end it before us.
    detached: true,
  })
  child.on('error', () => {})
  child.stdin?.on('error', () => {})
  // Neither it nor its pipe keeps us running; that the pipe closes when we end is the whole point.
  child.unref()
  Object(child.stdin).unref()
  return child
}
