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
  /** Beside the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>
  /** Name and text of its configuration, made of the folder that it runs in. */
  readonly config: readonly [name: string, text: (folder: string) => string]
  /** Of 127.0.0.1. */
  readonly port: number
}

/** Starts somebody else's server and waits until it listens. It stops when the file's tests are over. */
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
