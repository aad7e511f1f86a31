import { z } from 'zod'
import { operation } from '../operation.ts'
import { requireRollouts } from '../require-rollouts.ts'
import { exampleOutcome, exampleRunning, rolloutOutcome, runningDocument, runningRollout } from '../rollout-shape.ts'

export const showRollout = operation({
  id: 'show_rollout',
  method: 'GET',
  path: '/api/v1/policy/rollout',
  summary: 'Show the running rollout of a revision, and how the last one ended',
  description: 'While a rollout runs, some nodes try a revision as a canary, and the others enforce the active one.',
  scope: 'gatehouse:read',
  replies: {
    200: {
      description: 'The running rollout and the last one.',
      schema: z.strictObject({
        running: runningRollout.nullable().describe('The running rollout; `null` when no rollout runs.'),
        last: rolloutOutcome.nullable().describe('The last rollout that has ended; `null` when there was none.'),
      }),
    },
  },
  problems: ['policy_from_file', 'cluster_unavailable'],
  example: { reply: { running: exampleRunning, last: exampleOutcome } },
  run: async ({ dependencies }) => {
    const rollouts = requireRollouts(dependencies)
    const running = await rollouts.running()
    const last = await rollouts.last()
    return { status: 200, document: { running: running ? runningDocument(running) : null, last: last ?? null } }
  },
})
