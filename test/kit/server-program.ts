import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard } from '../../deploy/guard.ts'
import { atEnd } from './cleanup.ts'

const startLimitMs = 30_000

interface ServerProgram {
  readonly command: string
  readonly words: readonly string[]
  /** Environment variables in addition to those of the tests. */
  readonly env?: Readonly<Record<string, string>>
  /** Name of the configuration file, and a function that returns its text for the working folder. */
  readonly config: readonly [name: string, text: (folder: string) => string]
  /** Port of 127.0.0.1 on which the server listens. */
  readonly port: number
}

/** Starts a third-party server and waits until it listens. The server stops after the last test of the file. */
export async function startProgram({ command, words, env, config: [name, text], port }: ServerProgram): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-program-'))
  writeFileSync(join(folder, name), text(folder))
  const program = spawn(command, words, {
    cwd: folder,
    env: { ...process.env, HOME: folder, ...env },
    stdio: 'ignore',
  })
  const release = guard(program.pid!)
  const exited = once(program, 'exit').finally(release)
  atEnd(async () => {
    program.kill('SIGTERM')
    await exited
    rmSync(folder, { recursive: true, force: true })
  })
  for (const deadline = performance.now() + startLimitMs; !(await listens(port)); ) {
    if (performance.now() > deadline) throw new Error(`${command} does not listen on port ${port}`)
    await sleep(25)
  }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
