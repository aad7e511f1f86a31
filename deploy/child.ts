import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { guard } from './guard.ts'

export interface ChildOptions {
  readonly name: string
  readonly command: string
  readonly arguments: readonly string[]
  /** The whole environment; left out: ours. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** File that gets what it writes to stdout and stderr (0600), so that nobody has to read in order that it can go on. */
  readonly log: string
}

export interface Child {
  readonly name: string
  readonly pid: number
  readonly log: string
  /** Settles when it has ended, with how: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>
  /** Asks it to end; after `graceMs` it is killed. */
  stop(graceMs?: number): Promise<void>
}

/**
 * Starts a process that ends when we do, whatever ends us, and that signals to our process group do not reach: who
 * started it ends it, in an order of its own.
 *
 * @throws {Error} when the command cannot be started
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = openSync(options.log, 'a', 0o600)
  const child = spawn(options.command, options.arguments, {
    stdio: ['ignore', log, log],
    detached: true,
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  closeSync(log)
  const { pid } = child
  if (pid === undefined) {
    const [cause] = await once(child, 'error')
    throw new Error(`${options.name} could not be started: ${cause.message}`, { cause })
  }
  const letGo = guard(pid)
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      letGo()
      resolve(signal ?? `exit code ${code}`)
    })
  })
  return {
    name: options.name,
    pid,
    log: options.log,
    ended,
    async stop(graceMs = 5000) {
      if (child.exitCode !== null || child.signalCode !== null) return
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      child.kill('SIGTERM')
      await ended
      clearTimeout(timer)
    },
  }
}

/** How a child ended, with the last lines of its log, for messages. */
export function epitaph({ name, log }: Pick<Child, 'name' | 'log'>, how: string, lines = 8): string {
  const last = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  return last === '' ? `${name} ${how}, without a word in its log` : `${name} ${how}:\n${last}`
}
