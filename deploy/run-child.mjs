import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/**
 * Runs a command in place of this process: the child uses the same terminal, and receives the signals that this process
 * receives.
 *
 * Ctrl-C in a terminal reaches the whole process group, so SIGINT is not sent again. If npm started this process and is
 * killed, the child receives SIGTERM.
 *
 * @returns {Promise<number>} exit code of the child; 128 + N when signal N ended it, as in a shell
 */
export async function runChild(command, words, options) {
  const child = spawn(command, words, { ...options, stdio: 'inherit' })
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const forward = (signal) => {
    if (signal !== 'SIGINT' || !atTerminal) child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, forward)
  const timer = watchNpm(() => child.kill('SIGTERM'))
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
    })
  } finally {
    clearInterval(timer)
    for (const signal of signals) process.off(signal, forward)
  }
}

/**
 * Calls `onEnd` when npm was killed: npm waits for its child process, so only then the parent process changes.
 *
 * @returns a timer to clear when the child has ended; `undefined` when npm did not start this process
 */
export function watchNpm(onEnd) {
  if (process.env.npm_lifecycle_event === undefined) return undefined
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onEnd()
  }, 500)
  timer.unref()
  return timer
}
