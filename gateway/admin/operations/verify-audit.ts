import { z } from 'zod'
import { type FindingKind, findingKinds } from '../../audit/verification.ts'
import { operation } from '../operation.ts'
import { sharedParts } from '../stands-alone.ts'

const finding = z.strictObject({
  kind: z.enum(Object.keys(findingKinds) as [FindingKind, ...FindingKind[]]).describe(
    Object.entries(findingKinds)
      .map(([kind, what]) => `\`${kind}\`: ${what}`)
      .join(' '),
  ),
  chain: z.string().nullable().describe('null: of what cannot be read.'),
  first: z.number().nullable().describe('Number of the first record that it is about; null where it is not known.'),
  last: z.number().nullable(),
  detail: z.string(),
})

const chain = z.strictObject({
  chain: z.string(),
  node: z.string(),
  first: z.number().describe('Number of the first record that is there: those before it were trimmed.'),
  last: z.number(),
  lost: z.number().describe('Records that the node says it has lost, since there was no room.'),
  end: z
    .enum(['closed', 'running', 'open'])
    .describe('`open`: the node ended without closing it, as when it is killed.'),
  keyed: z.boolean().describe('Whether every seal was made with a key of this node.'),
})

export const verifyAudit = operation({
  id: 'verify_audit',
  method: 'GET',
  path: '/api/v1/audit/verification',
  summary: 'Verify the audit log that Redis holds',
  description:
    'Reads all of it, which takes about a second for each million records. Who asks meanwhile gets the same report.',
  scope: 'gatehouse:audit',
  replies: {
    200: {
      description: 'What was found.',
      schema: z.strictObject({
        records: z.number(),
        batches: z.number(),
        chains: z.array(chain),
        findings: z.array(finding),
        more: z.number().describe('Findings beyond these.'),
      }),
    },
  },
  problems: ['cluster_unavailable', 'unavailable'],
  run: async ({ dependencies }) => {
    const { findings, ...report } = await sharedParts(dependencies).auditVerifier.verify()
    const document = {
      ...report,
      findings: findings.map(({ kind, chain, first, last, detail }) => ({
        kind,
        chain: chain ?? null,
        first: first ?? null,
        last: last ?? null,
        detail,
      })),
    }
    return { status: 200, document, note: { findings: findings.length + report.more } }
  },
})
