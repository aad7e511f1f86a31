import { adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

/** `gatehouse streams`: the verbs for streams. */
export const verb = defineVerb({
  description: 'List the streams of a node, or end streams on every node without revoking anything',
  examples: [
    { run: 'gatehouse streams list --subject alice', does: 'the streams of alice on one node' },
    { run: 'gatehouse streams end --route live', does: 'end the streams of a route on every node' },
  ],
  exitCodes: { [exitCodes.invalid]: 'refused', ...adminUnreachable },
})
