import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { policyReply } from '../policy-outcome.ts'
import { changeBody, exampleChange, policyChange, revisionNumber } from '../policy-shape.ts'
import { requireRevisions } from '../require-revisions.ts'

export const rollbackPolicy = operation({
  id: 'rollback_policy',
  method: 'POST',
  path: '/api/v1/policy/rollback',
  summary: 'Activate the content of an earlier revision again',
  description:
    'Makes a new revision with the files of an earlier one. The nodes vote on it as on every change: a secret or a file ' +
    'that the earlier policy needs may be missing by now.',
  scope: 'gatehouse:policy',
  body: z
    .strictObject({
      to: revisionNumber
        .optional()
        .describe('Number of the earlier policy revision to activate again. Default: the revision before `against`.'),
      against: revisionNumber
        .optional()
        .describe(
          'Number of the policy revision to undo. If another one is active, the reply is 409, so that a call that is sent again ' +
            'after a lost reply does not undo a second revision.',
        ),
      ...changeBody,
    })
    .refine(({ to, against }) => to !== undefined || against !== undefined, {
      error: 'must have one of the members to and against',
    }),
  replies: {
    200: {
      description: 'Every node enforces the revision, or the files are those of the active one.',
      schema: policyChange,
    },
    202: {
      description: 'The revision is active. Some nodes have not acknowledged the activation yet.',
      schema: policyChange,
    },
  },
  problems: [
    'revision_unknown',
    'policy_from_file',
    'policy_conflict',
    'policy_invalid',
    'policy_rejected',
    'cluster_unavailable',
  ],
  example: { body: { to: 6, message: 'partners got 403' }, reply: exampleChange },
  run: async ({ body: { to, against, message = '', wait_ms: waitMs }, dependencies, caller }) => {
    const service = requireRevisions(dependencies)
    const outcome = await service.rollback(to, { author: caller.who, message, against, waitMs })
    if (outcome === undefined) {
      const named = to === undefined ? `before revision ${against}` : `with the number ${to}`
      throw new ApiProblem('revision_unknown', `the cluster keeps no revision ${named}`)
    }
    const earlier = outcome.outcome === 'rejected' && to !== undefined ? await service.find(to) : undefined
    return policyReply(outcome, { files: earlier?.files ?? service.active.revision.files }, { message, to })
  },
})
