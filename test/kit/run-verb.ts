import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { guard } from '../../deploy/guard.ts'
import { within } from './deadline.ts'
import { programPath } from './programs.ts'

const endLimitMs = 50_000

export interface VerbRun {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `gatehouse <words>` in a separate process whose environment is PATH, HOME and `env`. */
export async function runVerb(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<VerbRun> {
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [programPath('gatehouse'), ...words], { env: { PATH, HOME, ...env } })
  child.once('close', guard(child.pid!))
  // A process that exits before it has read its input is no error here: the test checks its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [stdout, stderr] = await within(
    endLimitMs,
    `the end of gatehouse ${words[0]}`,
    Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]),
  )
  return { exitCode: child.exitCode, stdout, stderr }
}
