import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { processMark } from './process-mark.mjs'

let watchdog: ChildProcess | undefined

/**
 * Ends a child process when this process ends, even by SIGKILL. For child programs that do not notice the end of their
 * parent, for example redis-server.
 *
 * @returns a function that ends the supervision; call it when the child has ended
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
    // The watchdog runs in a separate session, so that a signal to this process group does not end the watchdog before
    // this process.
    detached: true,
  })
  child.on('error', () => {})
  child.stdin?.on('error', () => {})
  // Neither the watchdog nor the pipe to it keeps this process running. When this process ends, the pipe closes, and
  // the watchdog then ends the children.
  child.unref()
  Object(child.stdin).unref()
  return child
}
