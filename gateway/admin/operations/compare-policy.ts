import { z } from 'zod'
import { entryName } from '../../config/entry-name.ts'
import { differenceOf } from '../../policy/difference/difference-of.ts'
import { replaceService } from '../../revisions/replace-service.ts'
import type { Revision } from '../../revisions/revision.ts'
import type { RevisionService } from '../../revisions/revision-service.ts'
import { ApiProblem } from '../api-problem.ts'
import { comparedFiles, comparedRevision } from '../compared-revision.ts'
import { policyDifference } from '../difference-shape.ts'
import { operation } from '../operation.ts'
import { problemsOfOwner } from '../owner-review.ts'
import { withValidPolicy } from '../policy-outcome.ts'
import { exampleFiles, ownerProblem, policyBodyMaxBytes, policyFilesBody, revisionNumber } from '../policy-shape.ts'
import { requireRedis } from '../require-redis.ts'
import { requireRevisions } from '../require-revisions.ts'
import { isOwnerOnly } from '../required-scope.ts'

const body = z
  .strictObject({
    files: policyFilesBody.optional(),
    only: entryName
      .optional()
      .describe(
        'Name of a service. Compares only a change of this service: the other files are those of the revision `from`.',
      ),
    to: revisionNumber
      .optional()
      .describe('Number of the policy revision to compare as the new policy, instead of `files`.'),
    from: revisionNumber
      .optional()
      .describe('Number of the policy revision to compare as the old policy. Default: the active revision.'),
  })
  .refine(({ files, to }) => (files === undefined) !== (to === undefined), {
    error: 'must have exactly one of the members files and to',
  })
  .refine(({ only, to }) => only === undefined || to === undefined, { error: 'must not have both only and to' })

export const comparePolicy = operation({
  id: 'compare_policy',
  method: 'POST',
  path: '/api/v1/policy/diff',
  summary: 'Compare a policy with a revision by its effect',
  description:
    'Lists which routes become public, wider, narrower or unreachable, and which limits, credentials and other values ' +
    'change. Changes nothing, and reads no secret that the policy refers to. A caller with the scope gatehouse:policy:SERVICE ' +
    'must set `only` to this service.',
  scope: 'gatehouse:read',
  serviceOf: ({ only }) => only,
  bodyMaxBytes: policyBodyMaxBytes,
  body,
  replies: {
    200: {
      description: 'The difference.',
      schema: z.strictObject({
        from: z.int().describe('Number of the policy revision that was compared as the old policy.'),
        ...policyDifference,
        not_granted: z
          .array(ownerProblem)
          .optional()
          .describe(
            'Parts of the change that the caller may not apply as owner of the service `only`. Absent for other callers.',
          ),
      }),
    },
  },
  problems: ['revision_unknown', 'policy_from_file', 'policy_invalid', 'comparisons_full', 'cluster_unavailable'],
  example: {
    body: { files: [...exampleFiles] },
    reply: {
      from: 7,
      equal: false,
      widens: true,
      routes: [
        {
          route: 'orders.docs',
          service: 'orders',
          change: 'public',
          widens: true,
          public: true,
          keys: [{ key: 'require', effect: 'wider', before: { scopes: { all: ['orders:read'] } }, after: 'public' }],
          takes: [],
          loses: [],
        },
      ],
      limits: [],
      credentials: [],
      upstreams: [],
      issuers: [],
      services: [],
      relaxations: { added: [], removed: [] },
    },
  },
  run: async ({ body: { files = [], only, to, from }, dependencies, caller }) => {
    const service = requireRevisions(dependencies)
    const old = from === undefined ? service.active.revision : await revisionOf(service, from)
    const revision = to === undefined ? undefined : await revisionOf(service, to)
    const isOwned = only !== undefined && isOwnerOnly(caller, only)
    const owners = requireRedis(dependencies)
    const document = service.comparisons.run(() => {
      const before = comparedRevision(old)
      const changed = () => (only === undefined ? files : replaceService(old.files, files, only))
      const given = revision?.files ?? withValidPolicy(changed)
      const after = revision === undefined ? withValidPolicy(() => comparedFiles(given)) : comparedRevision(revision)
      const problems = isOwned ? problemsOfOwner({ service: only, active: old, files: given }, owners) : undefined
      return { from: old.number, ...differenceOf(before, after), not_granted: problems }
    })
    if (document === undefined) {
      const fields = { 'retry-after': '1' }
      throw new ApiProblem('comparisons_full', 'too many comparisons of policies wait on this node; try again later', {
        fields,
      })
    }
    return { status: 200, document: await document }
  },
})

async function revisionOf(service: RevisionService, number: number): Promise<Revision> {
  const revision = await service.find(number)
  if (revision !== undefined) return revision
  throw new ApiProblem('revision_unknown', `the cluster keeps no revision with the number ${number}`)
}
