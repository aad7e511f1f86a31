import { defineVerb } from '../verb.ts'

/** `gatehouse shadow`: the verbs for shadow requirements. */
export const verb = defineVerb({
  description: 'Report the results of shadow requirements, which are evaluated without effect',
  examples: [
    { run: 'gatehouse shadow report', does: 'what the last 24 hours of shadow requirements would have refused' },
    { run: 'gatehouse shadow report --route orders.read --since 7d', does: 'of one route, of the last week' },
  ],
})
