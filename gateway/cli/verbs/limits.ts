import { limitExitCodes } from '../bucket-text.ts'
import { defineVerb } from '../verb.ts'

/** `gatehouse limits`: the verbs for rate limit windows. */
export const verb = defineVerb({
  description: 'List the windows of rate limits, or reset one window',
  examples: [
    { run: 'gatehouse limits list', does: 'the fullest windows that a node knows' },
    {
      run: 'gatehouse limits reset route/orders.write/writes --subject alice --issuer https://idp.example',
      does: 'one window',
    },
  ],
  exitCodes: limitExitCodes,
})
