import { z } from 'zod'
import { type FindingKind, findingKinds } from '../../audit/verification.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'

const finding = z.strictObject({
  kind: z.enum(Object.keys(findingKinds) as [FindingKind, ...FindingKind[]]).describe(
    Object.entries(findingKinds)
      .map(([kind, what]) => `\`${kind}\`: ${what}`)
      .join(' '),
  ),
  chain: z.string().nullable().describe('Id of the audit chain; null when the data is unreadable.'),
  first: z.number().nullable().describe('Number of the first affected audit record; null when unknown.'),
  last: z.number().nullable(),
  detail: z.string(),
})

const chain = z.strictObject({
  chain: z.string(),
  node: z.string(),
  first: z.number().describe('Number of the first stored record of the audit chain. Earlier records were trimmed.'),
  last: z.number(),
  lost: z.number().describe('Records that the node reports as lost because it had no space.'),
  end: z
    .enum(['closed', 'running', 'open'])
    .describe(
      '`closed`: the node ended the chain. `running`: the node still writes to the chain. `open`: the node stopped without ending the chain, for example because it was killed.',
    ),
  keyed: z.boolean().describe('Whether every seal was made with a key that this node has.'),
})

export const verifyAudit = operation({
  id: 'verify_audit',
  method: 'GET',
  path: '/api/v1/audit/verification',
  summary: 'Verify the audit log in Redis',
  description:
    'Reads the whole audit log, which takes about one second per million records. Concurrent calls share one verification and get the same report.',
  scope: 'gatehouse:audit',
  replies: {
    200: {
      description: 'The report of the verification.',
      schema: z.strictObject({
        records: z.number(),
        batches: z.number(),
        chains: z.array(chain),
        findings: z.array(finding),
        more: z.number().describe('Number of findings that are not listed.'),
      }),
    },
  },
  problems: ['cluster_unavailable', 'unavailable'],
  example: {
    reply: {
      records: 48_210,
      batches: 964,
      chains: [
        { chain: 'node-a/1911902400000', node: 'node-a', first: 1, last: 48_210, lost: 0, end: 'running', keyed: true },
      ],
      findings: [],
      more: 0,
    },
  },
  run: async ({ dependencies }) => {
    const { findings, ...report } = await requireRedis(dependencies).auditVerifier.verify()
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
