import { z } from 'zod'
import { operation } from '../operation.ts'
import { exampleRevision, revisionFacts } from '../policy-shape.ts'
import { requireRevisions } from '../require-revisions.ts'

export const listRevisions = operation({
  id: 'list_revisions',
  method: 'GET',
  path: '/api/v1/policy/revisions',
  summary: 'List the revisions of the policy of the cluster',
  description:
    'Lists the revisions that Redis keeps, the newest first. A revision that is not authentic is not listed.',
  scope: 'gatehouse:read',
  replies: {
    200: {
      description: 'The revisions without their files.',
      schema: z.strictObject({
        active: z.int().describe('Number of the active revision of this node.'),
        sequence: z.int().describe('Number of the activation of the active revision.'),
        before: z
          .int()
          .nullable()
          .describe(
            'Number of the revision that was active before; `null` when it is not kept. A withdrawn revision was never active.',
          ),
        revisions: z.array(z.strictObject(revisionFacts)),
      }),
    },
  },
  problems: ['policy_from_file', 'cluster_unavailable'],
  example: { reply: { active: 8, sequence: 11, before: 7, revisions: [exampleRevision] } },
  run: async ({ dependencies }) => {
    const service = requireRevisions(dependencies)
    const revisions = await service.list()
    const { number, sequence } = service.active.activation
    const before = revisions.find((each) => each.number === service.before)?.number ?? null
    return { status: 200, document: { active: number, sequence, before, revisions } }
  },
})
