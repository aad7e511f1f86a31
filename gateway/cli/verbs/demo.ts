import { z } from 'zod'
import { offsetFlag, runDemo } from '../demo-program.ts'
import { exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse demo`: runs a complete Gatehouse on this machine. */
export const verb = defineVerb({
  description: 'Run two nodes, an issuer, services and Redis on this machine until Ctrl-C',
  flags: {
    check: z.boolean().default(false).register(flag, {
      help: 'start the demo, test its documented behaviour, print the result of each step, and exit',
    }),
    portOffset: offsetFlag,
  },
  examples: [
    { run: 'gatehouse demo', does: 'start the demo; it prints what to try' },
    { run: 'gatehouse demo --check --port-offset 100', does: 'acceptance test of an installation, on other ports' },
  ],
  exitCodes: {
    [exitCodes.done]: 'ended by Ctrl-C; with --check: every step passed',
    [exitCodes.invalid]: 'a port is in use, or a part failed; with --check: a step failed',
  },
  run: ({ check, portOffset, output }) => runDemo(check ? 'check' : 'run', portOffset, output),
})
