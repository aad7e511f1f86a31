import { setTimeout as sleep } from 'node:timers/promises'
import { styleText } from 'node:util'
import type { Demo } from './demo.ts'
import { tour } from './tour.ts'
import { Tourist } from './tourist.ts'

interface Report {
  readonly json: boolean
  write(line: string): void
  /** What the start took, for the first line. */
  readonly startSeconds: string
}

const stepWithinMs = 30_000

/**
 * Makes the whole tour of a running demo and tells each step; one that fails does not end it.
 *
 * @returns the exit code: 0 when every step was right, else 1
 */
export async function runTour({ ports, state }: Demo, { json, write, startSeconds }: Report): Promise<number> {
  const tourist = new Tourist(ports)
  const startedMs = performance.now()
  const failed: string[] = []
  const tell = (title: string, ok: boolean, seconds: string, problem?: string) => {
    if (json) write(JSON.stringify({ event: 'step', title, ok, seconds: Number(seconds), problem }))
    else write(`${ok ? styleText('green', '✓') : styleText('red', '✗')} ${seconds.padStart(6)} s  ${title}`)
    if (!json && problem !== undefined) write(problem.replaceAll(/^/gm, '             '))
  }
  tell('Redis, issuer, services and two nodes start', true, startSeconds)
  for (const { title, run } of tour) {
    const beganMs = performance.now()
    const problem = await outcomeOf(() => run(tourist, state))
    tell(title, problem === undefined, ((performance.now() - beganMs) / 1000).toFixed(2), problem)
    if (problem !== undefined) failed.push(title)
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const passed = tour.length - failed.length
  if (json) write(JSON.stringify({ event: 'end', passed, failed: failed.length, seconds: Number(seconds) }))
  else if (failed.length === 0) write(`\nAll ${passed} steps were right, in ${seconds} s.`)
  else
    write(`\n${failed.length} of ${tour.length} steps went wrong:\n${failed.map((title) => `  ✗ ${title}`).join('\n')}`)
  return failed.length === 0 ? 0 : 1
}

/** @returns what went wrong, or `undefined` */
async function outcomeOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    const late = sleep(stepWithinMs, undefined, { ref: false }).then(() => {
      throw new Error(`expected an end within ${stepWithinMs / 1000} s`)
    })
    await Promise.race([work(), late])
    return undefined
  } catch (error) {
    const { message, cause } = error as Error
    return cause instanceof Error ? `${message} (${cause.message})` : message
  }
}
