import { offsetFlag, runDemo } from '../demo-program.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

/** `gatehouse demo console`: prints a link that logs a browser in to the console of the running demo. */
export const verb = defineVerb({
  description: 'Print a link that logs a browser of this machine in to the console of the running demo, once',
  flags: { portOffset: offsetFlag },
  examples: [
    { run: 'gatehouse demo console', does: 'open the link within 5 minutes' },
    { run: 'gatehouse demo console --output json', does: 'as JSON' },
  ],
  exitCodes: { [exitCodes.unreachable]: 'the demo is not running' },
  run: ({ portOffset, output }) => runDemo('console', portOffset, output),
})
