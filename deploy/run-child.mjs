import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/**
 * Runs a command in the foreground, in our place: it has our terminal and our signals, and its exit code comes back.
 * Returns only after it has ended.
 *
 * Ctrl-C in a terminal reaches the whole process group, so the child has it already and gets no second one. Where npm
 * started us and dies, nobody is left to hand the exit code to: the child is asked to end.
 *
 * @returns {Promise<number>} its exit code; 128 + N when signal N ended it, as a shell has it
 */
export async function runChild(command, words, options) {
  const child = spawn(command, words, { ...options, stdio: 'inherit' })
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const pass = (signal) => {
    if (signal !== 'SIGINT' || !atTerminal) child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, pass)
  const orphaned = watchNpm(() => child.kill('SIGTERM'))
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
    })
  } finally {
    clearInterval(orphaned)
    for (const signal of signals) process.off(signal, pass)
  }
}

/** npm waits for what it runs, so another parent means that it died. Without npm a new parent means nothing. */
function watchNpm(whenGone) {
  if (process.env.npm_lifecycle_event === undefined) return undefined
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    whenGone()
  }, 500)
  timer.unref()
  return timer
}
