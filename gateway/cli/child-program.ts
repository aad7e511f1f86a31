import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

/**
 * Programs, such as the demo, that the command line starts as child processes. The gate imports nothing from these
 * programs.
 */
export const programs = {
  demo: fileURLToPath(new URL('../../deploy/demo/main.ts', import.meta.url)),
  worker: fileURLToPath(new URL('../../workers/main.ts', import.meta.url)),
  bench: fileURLToPath(new URL('../../bench/main.ts', import.meta.url)),
} as const

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Time between two checks whether npm, which started this process, still runs, ms. */
const parentCheckMs = 500

/**
 * Runs a program as a child process with the same terminal, and passes the signals of this process on to it. When this
 * process ends for any reason, the IPC channel of the child closes: the child can end itself then.
 *
 * @returns exit code of the program; 128 + N when signal N ended the program, as in a shell
 */
export async function runProgram(program: string, words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [program, ...words], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const forward = (signal: NodeJS.Signals): void => {
    // Do not pass on a SIGINT by Ctrl-C: the terminal has already sent it to the child too.
    if (signal !== 'SIGINT' || !atTerminal) child.kill(signal)
  }
  for (const signal of signals) process.on(signal, forward)
  const timer = watchNpm(() => child.kill('SIGTERM'))
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']))
    })
  } finally {
    clearInterval(timer)
    for (const signal of signals) process.off(signal, forward)
  }
}

/**
 * If npm started this process: calls `onEnd` when npm was killed. npm never ends before its child process, so another
 * parent process means that npm was killed.
 */
function watchNpm(onEnd: () => void): NodeJS.Timeout | undefined {
  if (process.env['npm_lifecycle_event'] === undefined) return undefined
  const parent = process.ppid
  return setInterval(() => {
    if (process.ppid !== parent) onEnd()
  }, parentCheckMs).unref()
}
