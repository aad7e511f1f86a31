import { adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

/** `gatehouse sessions`: the verbs for login sessions. */
export const verb = defineVerb({
  description: 'List login sessions, or end login sessions on every node',
  examples: [
    { run: 'gatehouse sessions list --subject alice', does: 'the sessions of alice' },
    {
      run: 'gatehouse sessions end --device 5b0c… --reason "lost"',
      does: 'end the sessions of one device (person and User-Agent)',
    },
  ],
  exitCodes: { [exitCodes.invalid]: 'refused, or no such session', ...adminUnreachable },
})
