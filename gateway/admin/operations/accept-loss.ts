import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { sharedParts } from '../stands-alone.ts'

export const acceptLoss = operation({
  id: 'accept_loss',
  method: 'POST',
  path: '/api/v1/nodes/accept-loss',
  summary: 'Go on without what Redis has lost',
  description:
    'For a Redis that came back empty when no node was left that knew what had been in it: nodes are not ready until ' +
    'somebody says that the revocations of before are given up. For a node that is not ready: others refuse.',
  scope: 'gatehouse:admin',
  body: z.strictObject({}),
  replies: { 200: { description: 'The nodes begin anew.', schema: z.strictObject({ accepted: z.literal(true) }) } },
  problems: ['nothing_lost', 'cluster_unavailable', 'unavailable'],
  run: async ({ dependencies }) => {
    if (!(await sharedParts(dependencies).cluster.acceptLoss())) {
      throw new ApiProblem('nothing_lost', 'this node has lost nothing: what Redis loses, it puts back', {
        hint: 'a node that waits is not ready: ask that one',
      })
    }
    return { status: 200, document: { accepted: true } }
  },
})
