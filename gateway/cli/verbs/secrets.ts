import { defineVerb } from '../verb.ts'

/** `gatehouse secrets`: the verbs about the secrets of a node. */
export const verb = defineVerb({
  description: 'Show which secrets a node uses',
  examples: [
    { run: 'gatehouse secrets list', does: 'list name, source, age and use of each secret' },
    { run: 'gatehouse secrets list --help', does: 'list the flags' },
  ],
})
