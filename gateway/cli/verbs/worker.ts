import { z } from 'zod'
import { programs, runProgram } from '../child-program.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/**
 * `gatehouse worker`: runs one worker in the foreground. The worker is a separate program; the gate imports nothing
 * from the worker.
 */
export const verb = defineVerb({
  description: 'Run one worker, which processes background jobs, until SIGTERM or SIGINT',
  flags: {
    config: z.string().optional().register(flag, {
      short: 'c',
      value: 'file',
      help: 'settings file, the same as for nodes; environment variables and flags override its values',
    }),
    policy: z.string().optional().register(flag, { value: 'path', help: 'path of the policy: a file or a folder' }),
  },
  examples: [
    { run: 'gatehouse worker --config gatehouse.yaml', does: 'with the settings of the nodes' },
    { run: 'GATEHOUSE_WORKER_CONCURRENCY=64 gatehouse worker -c gatehouse.yaml', does: '64 jobs at a time' },
  ],
  exitCodes: {
    [exitCodes.done]: 'stopped gracefully',
    [exitCodes.invalid]: 'invalid settings or policy, or an unsuitable Redis',
    [exitCodes.crashed]: 'crashed: a supervisor should start the worker again',
  },
  run: async ({ config, policy, output }) => {
    const words = Object.entries({ config, policy, output }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}=${value}`],
    )
    try {
      return await runProgram(programs.worker, words)
    } catch (cause) {
      const message = `the worker could not be started: ${(cause as Error).message}`
      throw new CliError(exitCodes.invalid, 'GH_START', message)
    }
  },
})
