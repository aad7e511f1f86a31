import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { processMark } from './process-mark.mjs'

let watchdog: ChildProcess | undefined

/**
 * Ends a child process when this process ends, even by SIGKILL. For programs that cannot notice the end of their parent
 * themselves, such as redis-server.
 *
 * @returns a function that ends the watch; call it when the child has ended
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
    // A separate session: a signal to our process group must not end the watchdog before this process.
    detached: true,
  })
  child.on('error', () => {})
  child.stdin?.on('error', () => {})
  // Neither the watchdog nor its pipe keeps this process running. The pipe closes when this process ends.
  child.unref()
  Object(child.stdin).unref()
  return child
}
