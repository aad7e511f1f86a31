import { z } from 'zod'
import { POLICY_MAX_BYTES } from '../revisions/revision.ts'
import { waited } from './receipt-shape.ts'

/**
 * Maximum size of a request body that contains a policy, bytes. JSON escapes can make a policy of 1 MiB twice as long.
 */
export const policyBodyMaxBytes = 2 * POLICY_MAX_BYTES + 64 * 1024

const name = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, {
  error: 'must be a file name without folder: letters, digits, dots, - or _, at most 128',
})

/** Schema of the files of a policy in a request body. */
export const policyFilesBody = z
  .array(
    z.strictObject({
      name: name.describe('Name of the policy file without folder, such as `orders.yaml`.'),
      text: z.string().describe('Text of the policy file.'),
    }),
  )
  .min(1)
  .refine((files) => new Set(files.map((file) => file.name)).size === files.length, {
    error: 'must not contain a name twice',
  })
  .refine((files) => files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) <= POLICY_MAX_BYTES, {
    error: 'must have at most 1 MiB of text in all files together',
  })
  .transform((files) => files.sort((a, b) => (a.name < b.name ? -1 : 1)))
  .describe('The whole policy: its files, at most 1 MiB in all.')

/** Schema of the number of a policy revision in a request body. */
export const revisionNumber = z.int().min(1)

/** Schemas of the members that every request body for a policy change has. */
export const changeBody = {
  message: z
    .string()
    .regex(/^[^\p{Cc}\u2028\u2029]{1,500}$/u, { error: 'must be 1 to 500 characters without line breaks' })
    .optional()
    .describe('Reason of the policy change, stored in the new revision.'),
  wait_ms: z
    .int()
    .min(0)
    .max(300_000)
    .default(10_000)
    .describe('Longest wait for the acknowledgements of the nodes, ms. Default 10000.'),
} as const

const receipt = {
  id: z.string().describe('Id of the policy change.'),
  number: z.int().describe('Number of the new policy revision.'),
  sequence: z
    .int()
    .describe('Number of the activation of the revision. Each activation has a higher number than all earlier ones.'),
  acknowledged: z
    .array(z.strictObject({ node: z.string(), ms: z.number() }))
    .describe('Nodes that enforce the revision, each with the time until its acknowledgement, ms.'),
  missing: z.array(z.string()).describe('Nodes that have not acknowledged the activation.'),
  waited_ms: waited,
  fenced_by: z
    .string()
    .describe('Time from which no node decides by an older revision (RFC 3339), except on the routes in `not_fenced`.'),
  not_fenced: z
    .array(z.string())
    .describe(
      'Routes that a node without contact to Redis still serves by the previous revision: they were public, or had ' +
        '`on_outage.revocation: stale`.',
    ),
} as const

/** Schema of the receipt of a policy change. */
export const policyReceipt = z.strictObject(receipt)

/** Schema of the reply to a policy change. */
export const policyChange = z.discriminatedUnion('outcome', [
  z.strictObject({ outcome: z.literal('activated'), ...receipt }),
  z.strictObject({
    outcome: z.literal('unchanged'),
    number: z
      .int()
      .describe('Number of the active policy revision, which has the same files: the call changed nothing.'),
  }),
])

/** Schema of a part of a policy change that the rights of the service's owner do not allow. */
export const ownerProblem = z.strictObject({
  code: z.literal('GH_POLICY_NOT_GRANTED'),
  message: z.string(),
  path: z.string().describe('Path of the refused change in the policy. Routes are named by their ids.'),
  file: z.string().optional(),
  line: z.int().optional(),
  column: z.int().optional(),
  hint: z.string().describe('What the owner is allowed to do, and the remedy.'),
})

/** Schema of the reply to a call that applies a policy. */
export const policyApplication = z.discriminatedUnion('outcome', [
  ...policyChange.options,
  z.strictObject({
    outcome: z.literal('started').describe('Some nodes try the revision as a canary.'),
    ...receipt,
    canary_nodes: z.array(z.string()).describe('Nodes that try the revision.'),
  }),
])

/** Schemas of the members of a policy revision, without its files. */
export const revisionFacts = {
  number: z.int().describe('Number of the policy revision, from 1. A number is never used again.'),
  hash: z.string().describe('SHA-256 of the policy files with their names, in hexadecimal.'),
  author: z.string().describe('Subject of the token of the caller that made the revision.'),
  message: z.string().describe('Reason of the policy change; empty when none was given.'),
  time: z.string().describe('Time at which the revision was created (RFC 3339).'),
} as const

export const exampleFiles = [{ name: 'orders.yaml', text: 'version: 1\nservices: …\n' }] as const

export const exampleRevision = {
  number: 8,
  hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  author: 'olga',
  message: 'open orders to partners',
  time: '2030-01-31T12:00:00.000Z',
} as const

export const exampleChange: z.input<typeof policyChange> = {
  outcome: 'activated',
  id: '0e6b6a8e-4a39-4d7c-93a3-4d0f5a6d3b6a',
  number: 8,
  sequence: 11,
  acknowledged: [{ node: 'node-a', ms: 12.5 }],
  missing: [],
  waited_ms: 12.8,
  fenced_by: '2030-01-31T12:00:05.000Z',
  not_fenced: ['orders.docs'],
}
