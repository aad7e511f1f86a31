import { defineVerb } from '../verb.ts'

/** `gatehouse rollout`: the verbs for a rollout: some nodes try a policy revision before all nodes enforce it. */
export const verb = defineVerb({
  description: 'Follow and end the rollout of a revision that some nodes try first (`apply --canary`)',
  examples: [
    { run: 'gatehouse rollout status', does: 'the running rollout, or how the last one ended' },
    { run: 'gatehouse rollout abort', does: 'return to the active revision on every node' },
  ],
})
