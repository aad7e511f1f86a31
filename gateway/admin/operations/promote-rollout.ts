import { operation } from '../operation.ts'
import { requireRollouts } from '../require-rollouts.ts'
import { endBody, endReply, exampleEnd, rolloutReply } from '../rollout-shape.ts'

export const promoteRollout = operation({
  id: 'promote_rollout',
  method: 'POST',
  path: '/api/v1/policy/rollout/promote',
  summary: 'Activate the revision of the running rollout on all nodes',
  description:
    'Activates the revision that some nodes try on all nodes, before the end of the comparison. Every node voted for it when the rollout began.',
  scope: 'gatehouse:policy',
  body: endBody,
  replies: {
    200: { description: 'The rollout has ended, and every node enforces the active revision.', schema: endReply },
    202: { description: 'The rollout has ended. Some nodes have not acknowledged yet.', schema: endReply },
  },
  problems: ['policy_from_file', 'rollout_unknown', 'rollout_lost', 'cluster_unavailable'],
  example: { body: { wait_ms: 10_000 }, reply: exampleEnd('promoted') },
  run: async ({ body, dependencies, caller }) =>
    rolloutReply(
      await requireRollouts(dependencies).end(
        { outcome: 'promoted', why: 'promoted before the end of the comparison', by: caller.who },
        body.wait_ms,
        body.number,
      ),
      body.number,
    ),
})
