import { setTimeout as sleep } from 'node:timers/promises'
import { styleText } from 'node:util'
import type { Demo } from '../demo.ts'
import { CheckClient } from './client.ts'
import { checkSteps } from './steps.ts'

interface Report {
  readonly json: boolean
  write(line: string): void
  /** Duration of the demo's start in seconds, for the first line of the output. */
  readonly startSeconds: string
}

const stepLimitMs = 30_000

/**
 * Runs all steps of the demo check against a running demo and prints the result of each. The next steps run even if a
 * step failed.
 *
 * @returns the exit code: 0 when all steps passed, else 1
 */
export async function runCheck({ ports, state }: Demo, { json, write, startSeconds }: Report): Promise<number> {
  const client = new CheckClient(ports)
  const startedMs = performance.now()
  const failed: string[] = []
  const report = (title: string, ok: boolean, seconds: string, problem?: string) => {
    if (json) write(JSON.stringify({ event: 'step', title, ok, seconds: Number(seconds), problem }))
    else write(`${ok ? styleText('green', '✓') : styleText('red', '✗')} ${seconds.padStart(6)} s  ${title}`)
    if (!json && problem !== undefined) write(problem.replaceAll(/^/gm, '             '))
  }
  report('Redis, issuer, services, a worker and two nodes start', true, startSeconds)
  for (const { title, run } of checkSteps) {
    const beganMs = performance.now()
    const problem = await problemOf(() => run(client, state))
    report(title, problem === undefined, ((performance.now() - beganMs) / 1000).toFixed(2), problem)
    if (problem !== undefined) failed.push(title)
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const passed = checkSteps.length - failed.length
  if (json) write(JSON.stringify({ event: 'end', passed, failed: failed.length, seconds: Number(seconds) }))
  else if (failed.length === 0) write(`\nAll ${passed} steps passed in ${seconds} s.`)
  else
    write(`\n${failed.length} of ${checkSteps.length} steps failed:\n${failed.map((each) => `  ✗ ${each}`).join('\n')}`)
  return failed.length === 0 ? 0 : 1
}

/** Runs `work`. @returns the error message when `work` failed, else `undefined` */
async function problemOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    const late = sleep(stepLimitMs, undefined, { ref: false }).then(() => {
      throw new Error(`the step did not end within ${stepLimitMs / 1000} s`)
    })
    await Promise.race([work(), late])
    return undefined
  } catch (error) {
    const { message, cause } = error as Error
    return cause instanceof Error ? `${message} (${cause.message})` : message
  }
}
