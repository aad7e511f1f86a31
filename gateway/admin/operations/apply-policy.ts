import { z } from 'zod'
import { entryName } from '../../config/entry-name.ts'
import { replaceService } from '../../revisions/replace-service.ts'
import type { PolicyText, Revision } from '../../revisions/revision.ts'
import { ApiProblem } from '../api-problem.ts'
import { canaryBody, canaryOrder } from '../canary-shape.ts'
import { changesSince } from '../compared-revision.ts'
import { operation } from '../operation.ts'
import { requireOwnerChange } from '../owner-review.ts'
import { policyReply, withValidPolicy } from '../policy-outcome.ts'
import {
  changeBody,
  exampleChange,
  exampleFiles,
  policyApplication,
  policyBodyMaxBytes,
  policyFilesBody,
  revisionNumber,
} from '../policy-shape.ts'
import { requireRedis } from '../require-redis.ts'
import { requireRevisions } from '../require-revisions.ts'
import { isOwnerOnly } from '../required-scope.ts'

export const applyPolicy = operation({
  id: 'apply_policy',
  method: 'POST',
  path: '/api/v1/policy/apply',
  summary: 'Make a policy the active policy of the cluster',
  description:
    'Every node first compiles the policy, with its own secrets and files, and votes within 5 s. If a node votes no, or a ' +
    'live node does not vote, nothing changes. Otherwise the policy becomes a new revision, which all nodes enforce. The ' +
    'author of the revision is the subject of the token. With `canary`, some nodes try the revision first. A caller with ' +
    'the scope gatehouse:policy:SERVICE must set `only` to this service, cannot set `canary`, and may change what the ' +
    'setting `policy.owners.SERVICE` grants.',
  scope: 'gatehouse:policy',
  serviceOf: ({ only }) => only,
  bodyMaxBytes: policyBodyMaxBytes,
  body: z.strictObject({
    files: policyFilesBody,
    only: entryName
      .optional()
      .describe(
        'Changes this service only: the file of the service replaces its file in the active revision, and other files of ' +
          'the call are ignored. Both must have a file that defines only this service.',
      ),
    against: revisionNumber
      .optional()
      .describe('Number of the revision that the caller compared with. If another one is active, the reply is 409.'),
    canary: canaryBody.optional(),
    ...changeBody,
  }),
  replies: {
    200: {
      description: 'Every node enforces the revision, or the files are those of the active one.',
      schema: policyApplication,
    },
    202: {
      description: 'The revision is active. Some nodes have not acknowledged the activation yet.',
      schema: policyApplication,
    },
  },
  problems: [
    'policy_from_file',
    'policy_conflict',
    'rollout_running',
    'policy_invalid',
    'policy_not_granted',
    'policy_rejected',
    'canary_refused',
    'cluster_unavailable',
  ],
  example: {
    body: { files: [...exampleFiles], against: 7, message: 'open orders to partners' },
    reply: exampleChange,
  },
  run: async ({ body, dependencies, caller }) => {
    const service = requireRevisions(dependencies)
    const shared = requireRedis(dependencies)
    const { only, message = '', against, wait_ms: waitMs } = body
    const canary = body.canary && canaryOrder(body.canary)
    let files: readonly PolicyText[] = body.files
    // With `only`, which names one service, all other services stay as in the revision that is active when the change
    // is made.
    const filesOf = (active: readonly PolicyText[]) => {
      if (only !== undefined) files = withValidPolicy(() => replaceService(active, body.files, only))
      return files
    }
    const owned = isOwnerOnly(caller, only) ? only : undefined
    // The owner of a service must not start a rollout: it would block the changes of all other callers, and an owner
    // cannot end it.
    if (owned !== undefined && canary !== undefined) {
      throw new ApiProblem('insufficient_scope', 'only a caller with the scope gatehouse:policy may set `canary`')
    }
    const review =
      owned === undefined
        ? undefined
        : (active: Revision, candidate: readonly PolicyText[]) =>
            requireOwnerChange({ service: owned, active, files: candidate }, shared)
    const order = { files: filesOf, author: caller.who, message, against, waitMs, canary, review }
    const outcome = await service.apply(order)
    // An owner of one service must not see the changes of other services.
    const isConflict = outcome.outcome === 'conflict' && against !== undefined && owned === undefined
    const meanwhile = isConflict ? await changesSince(service, against) : undefined
    return policyReply(outcome, { files, meanwhile }, { message, only })
  },
})
