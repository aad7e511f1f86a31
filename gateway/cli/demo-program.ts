import { z } from 'zod'
import { programs, runProgram } from './child-program.ts'
import { CliError, exitCodes } from './output.ts'
import { flag } from './verb.ts'

/** Flag `--port-offset` of every `demo` verb. */
export const offsetFlag = z.string().default('0').register(flag, {
  value: 'n',
  env: 'GATEHOUSE_DEMO_PORT_OFFSET',
  help: 'number to add to every port of the demo',
})

/** Runs a verb of the demo. The demo is a separate program, of which the gate imports no code. */
export async function runDemo(
  verb: string,
  portOffset: string,
  output: string,
  more: readonly string[] = [],
): Promise<number> {
  try {
    return await runProgram(programs.demo, [verb, `--port-offset=${portOffset}`, '--output', output, ...more])
  } catch (cause) {
    const message = `the demo could not be started: ${(cause as Error).message}`
    const hint = 'correct the stated cause, then run `gatehouse demo` again'
    throw new CliError(exitCodes.invalid, 'GH_DEMO_FAILED', message, hint)
  }
}
