import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

/** Separate programs that the command line starts as child processes. The gate imports nothing from these programs. */
export const programs = {
  demo: fileURLToPath(new URL('../../deploy/demo/main.ts', import.meta.url)),
  worker: fileURLToPath(new URL('../../workers/main.ts', import.meta.url)),
  bench: fileURLToPath(new URL('../../bench/main.ts', import.meta.url)),
} as const

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Interval at which the program checks whether its parent process still runs, ms. */
const parentCheckMs = 500

/**
 * Runs a program as a child process that uses the same terminal and receives the signals of this process. The IPC
 * channel of the child closes when this process ends for any reason.
 *
 * @returns exit code of the program; 128 + N when signal N ended the program, as in a shell
 */
export async function runProgram(program: string, words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [program, ...words], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const forward = (signal: NodeJS.Signals): void => {
    // Ctrl-C in a terminal reaches the whole process group, so the child has already received the signal.
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
 * Calls `onEnd` when this process was started by npm and npm was killed. npm waits for its child process, so a changed
 * parent process means that npm was killed.
 */
function watchNpm(onEnd: () => void): NodeJS.Timeout | undefined {
  if (process.env['npm_lifecycle_event'] === undefined) return undefined
  const parent = process.ppid
  return setInterval(() => {
    if (process.ppid !== parent) onEnd()
  }, parentCheckMs).unref()
}
