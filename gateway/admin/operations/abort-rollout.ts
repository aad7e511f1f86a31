import { operation } from '../operation.ts'
import { requireRollouts } from '../require-rollouts.ts'
import { endBody, endReply, exampleEnd, rolloutReply } from '../rollout-shape.ts'

export const abortRollout = operation({
  id: 'abort_rollout',
  method: 'POST',
  path: '/api/v1/policy/rollout/abort',
  summary: 'End the running rollout without a change of the active revision',
  description: 'The active revision stays active, and the nodes that tried another one return to it.',
  scope: 'gatehouse:policy',
  body: endBody,
  replies: {
    200: { description: 'The rollout has ended, and every node enforces the active revision.', schema: endReply },
    202: { description: 'The rollout has ended. Some nodes have not acknowledged yet.', schema: endReply },
  },
  problems: ['policy_from_file', 'rollout_unknown', 'cluster_unavailable'],
  example: { body: { wait_ms: 10_000 }, reply: exampleEnd('aborted') },
  run: async ({ body, dependencies, caller }) =>
    rolloutReply(
      await requireRollouts(dependencies).end(
        { outcome: 'aborted', why: 'aborted', by: caller.who },
        body.wait_ms,
        body.number,
      ),
      body.number,
    ),
})
