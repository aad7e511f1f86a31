import { type ChildProcess, spawn } from 'node:child_process'
import { createConnection } from 'node:net'
import { guard } from '../../deploy/guard.ts'

/** A child process that the bench has started. */
export interface Running {
  readonly pid: number
  stop(): Promise<void>
}

/**
 * Starts a process that ends when the bench ends for any reason. The stdout of the process is discarded: writing access
 * log lines costs the node CPU time, but no disk writes.
 */
export function startProcess(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Running {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], env })
  if (child.pid === undefined) throw new Error(`${command} could not be started`)
  const release = guard(child.pid)
  let stopping = false
  child.once('exit', (code, signal) => {
    release()
    if (!stopping)
      process.stderr.write(`${command} ${args.join(' ')} ended by itself: ${signal ?? `exit code ${code}`}\n`)
  })
  return {
    pid: child.pid,
    stop: () => {
      stopping = true
      return ended(child)
    },
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timeout = setTimeout(() => child.kill('SIGKILL'), 5000)
  await exit
  clearTimeout(timeout)
}

/**
 * Waits until a process listens on a loopback port. @throws {Error} when no process listens there after `patienceMs`
 */
export async function listening(port: number, patienceMs = 30_000): Promise<void> {
  const deadline = performance.now() + patienceMs
  while (performance.now() < deadline) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: '127.0.0.1' })
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing listens on port ${port} after ${patienceMs} ms`)
}
