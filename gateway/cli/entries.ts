import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

/** Programs beside the gate that the command line starts as processes of their own: it imports nothing of them. */
export const entries = {
  demo: fileURLToPath(new URL('../../deploy/demo/main.ts', import.meta.url)),
  worker: fileURLToPath(new URL('../../workers/main.ts', import.meta.url)),
  bench: fileURLToPath(new URL('../../bench/main.ts', import.meta.url)),
} as const

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const parentLookMs = 500

/**
 * Runs a program in our place: it has our terminal and gets our signals. Its channel to us closes when we die, whatever
 * kills us.
 *
 * @returns its exit code; 128 + N when signal N ended it, as a shell has it
 */
export async function runEntry(entry: string, words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [entry, ...words], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const pass = (signal: NodeJS.Signals): void => {
    // Ctrl-C in a terminal reaches the whole process group: the child has it already.
    if (signal !== 'SIGINT' || !atTerminal) child.kill(signal)
  }
  for (const signal of signals) process.on(signal, pass)
  const look = watchNpm(() => child.kill('SIGTERM'))
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']))
    })
  } finally {
    clearInterval(look)
    for (const signal of signals) process.off(signal, pass)
  }
}

/** npm waits for what it runs, so another parent means that it was killed. Without npm a new parent means nothing. */
function watchNpm(whenGone: () => void): NodeJS.Timeout | undefined {
  if (process.env['npm_lifecycle_event'] === undefined) return undefined
  const parent = process.ppid
  return setInterval(() => {
    if (process.ppid !== parent) whenGone()
  }, parentLookMs).unref()
}
