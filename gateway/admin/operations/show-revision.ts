import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { exampleFiles, exampleRevision, revisionFacts } from '../policy-shape.ts'
import { requireRevisions } from '../require-revisions.ts'

export const showRevision = operation({
  id: 'show_revision',
  method: 'GET',
  path: '/api/v1/policy/revisions/{number}',
  summary: 'Show a revision of the policy of the cluster',
  description: 'The revision with its files. A policy contains references to secrets, and no secrets.',
  scope: 'gatehouse:read',
  pathParameters: z.strictObject({
    number: z
      .string()
      .regex(/^[1-9][0-9]{0,8}$/, { error: 'must be the number of a revision' })
      .describe('Number of the revision.'),
  }),
  replies: {
    200: {
      description: 'The revision.',
      schema: z.strictObject({
        ...revisionFacts,
        active: z.boolean().describe('Whether this node enforces the revision.'),
        files: z.array(z.strictObject({ name: z.string(), text: z.string() })).describe('The files of the policy.'),
      }),
    },
  },
  problems: ['revision_unknown', 'policy_from_file', 'cluster_unavailable'],
  example: {
    pathParameters: { number: '8' },
    reply: { ...exampleRevision, active: true, files: [...exampleFiles] },
  },
  run: async ({ pathParameters, dependencies }) => {
    const service = requireRevisions(dependencies)
    const revision = await service.find(Number(pathParameters.number))
    if (revision === undefined) {
      throw new ApiProblem('revision_unknown', `the cluster keeps no revision with the number ${pathParameters.number}`)
    }
    const { number, hash, author, message, time, files } = revision
    const active = number === service.active.activation.number
    return { status: 200, document: { number, hash, author, message, time, active, files } }
  },
})
