import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'

export const acceptLoss = operation({
  id: 'accept_loss',
  method: 'POST',
  path: '/api/v1/nodes/accept-loss',
  summary: 'Accept the loss of Redis data',
  description:
    'Needed after Redis restarted empty while no running node had a copy of the revocations. Nodes stay not ready until an ' +
    'operator accepts that earlier revocations are lost. Send the call to a node that is not ready; other nodes reject it.',
  scope: 'gatehouse:admin',
  body: z.strictObject({}),
  replies: {
    200: {
      description: 'The nodes that waited for the lost data join the cluster without this data.',
      schema: z.strictObject({ accepted: z.literal(true) }),
    },
  },
  problems: ['nothing_lost', 'cluster_unavailable', 'unavailable'],
  example: { body: {}, reply: { accepted: true } },
  run: async ({ dependencies }) => {
    if (!(await requireRedis(dependencies).cluster.acceptLoss())) {
      throw new ApiProblem(
        'nothing_lost',
        'nothing to accept: this node is a member of the cluster, and does not wait for data that Redis lost',
        {
          hint: 'send the call to a node that is not ready',
        },
      )
    }
    return { status: 200, document: { accepted: true } }
  },
})
