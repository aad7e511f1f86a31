import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { guard } from './guard.ts'

export interface ChildOptions {
  readonly name: string
  readonly command: string
  readonly arguments: readonly string[]
  /** Complete environment of the child. Default: the environment of this process. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /**
   * File that receives stdout and stderr of the child, mode 0600. A file never blocks the child, as a pipe without a
   * reader would.
   */
  readonly log: string
}

export interface Child {
  readonly name: string
  readonly pid: number
  readonly log: string
  /** Resolves when the child has ended, with a description: `exit code 1` or `SIGKILL`. */
  readonly ended: Promise<string>
  /** Sends SIGTERM, and SIGKILL after `graceMs` (default: 5000 ms). Resolves when the child has ended. */
  stop(graceMs?: number): Promise<void>
}

/**
 * Starts a child process that ends when this process ends for any reason. The child does not receive signals to the
 * process group of this process, so the caller decides in which order its children stop.
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
  const release = guard(pid)
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      release()
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

/** Error text that describes how a child ended, with the last lines of its log. */
export function endReport({ name, log }: Pick<Child, 'name' | 'log'>, how: string, lines = 8): string {
  const last = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  return last === '' ? `${name} ${how}, with an empty log` : `${name} ${how}:\n${last}`
}
