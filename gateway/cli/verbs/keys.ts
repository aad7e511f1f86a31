import { defineVerb } from '../verb.ts'

/** `gatehouse keys`: the verbs for secret keys. */
export const verb = defineVerb({
  description: 'Generate the secret keys that nodes share',
  examples: [
    { run: 'gatehouse keys generate assertion', does: 'print a private EC P-256 key as JWK' },
    { run: 'gatehouse keys generate --help', does: 'list all kinds of keys' },
  ],
})
