import { defineVerb } from '../verb.ts'

/** `gatehouse keys`: the verbs for secret keys. */
export const verb = defineVerb({
  description: 'Generate, list and rotate the secret keys that nodes share',
  examples: [
    { run: 'gatehouse keys generate assertion', does: 'print a private EC P-256 key as JWK' },
    {
      run: 'gatehouse keys rotate encryption --to 2026-12',
      does: 'switch the key that encrypts, in the whole cluster',
    },
  ],
})
