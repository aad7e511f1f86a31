import { defineVerb } from '../verb.ts'

/** `gatehouse audit`: the verbs for the audit log. */
export const verb = defineVerb({
  description: 'Read, search and verify the audit log, and manage its sinks',
  examples: [
    { run: 'gatehouse audit tail -f', does: 'print records as they arrive' },
    { run: 'gatehouse audit verify', does: 'verify the log in Redis, through a node' },
  ],
})
