import { offsetFlag, runDemo } from '../demo-program.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

/** `gatehouse demo env`: prints the environment for verbs that call the running demo. */
export const verb = defineVerb({
  description: 'Print shell commands that put gatehouse on PATH and point it at the running demo',
  flags: { portOffset: offsetFlag },
  examples: [
    { run: 'eval "$(gatehouse demo env)"', does: 'then run gatehouse nodes, gatehouse revoke …' },
    { run: 'gatehouse demo env --output json', does: 'as JSON' },
  ],
  exitCodes: { [exitCodes.unreachable]: 'the demo is not running' },
  run: ({ portOffset, output }) => runDemo('env', portOffset, output),
})
