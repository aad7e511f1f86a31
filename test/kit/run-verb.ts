import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { guard } from '../../deploy/guard.ts'
import { within } from './deadline.ts'
import type { VerbRun } from './host-order.ts'
import { HostProcess } from './host-process.ts'
import { programPath } from './programs.ts'

const endLimitMs = 50_000

/**
 * Runs `gatehouse <words>` with the environment PATH, HOME and `env`, in a process that runs nodes and other verbs
 * before and after it.
 */
export function runVerb(words: readonly string[], env: Readonly<Record<string, string>>, input = ''): Promise<VerbRun> {
  return HostProcess.take().runVerb({ kind: 'verb', words, cwd: process.cwd(), env: { ...inherited(), ...env }, input })
}

/**
 * Runs a verb like `runVerb`, with its own process, for a verb whose child process writes the output. This takes 0.3 s of
 * CPU time.
 */
export async function runVerbProcess(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<VerbRun> {
  const child = spawn(process.execPath, [programPath('gatehouse'), ...words], {
    env: { ...inherited(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.once('close', guard(child.pid!))
  const [stdout, stderr] = await within(
    endLimitMs,
    `the end of gatehouse ${words[0]}`,
    Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]),
  )
  return { exitCode: child.exitCode, stdout, stderr }
}

function inherited(): Readonly<Record<string, string | undefined>> {
  const { PATH, HOME } = process.env
  return { PATH, HOME }
}
