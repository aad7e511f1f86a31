import { z } from 'zod'
import { type Reason, reasons } from '../../gateway/base/reasons.ts'
import { requirementKinds } from '../../gateway/policy/requirements/requirement-kinds.ts'
import { requirementTree } from '../../gateway/policy/requirements/requirement-tree.ts'
import { code, generatedNote, table } from './markdown.ts'

/** Builds docs/reference/requirements.md: the kinds of requirements and their denials. */
export function requirementsPage(): string {
  const rows = requirementKinds.flatMap((kind) =>
    Object.entries(kind.schemas(requirementTree)).map(([key, schema]) => [
      code(key),
      descriptionOf(schema),
      kind.reasons.length === 0 ? 'reply of the unmet requirement' : kind.reasons.map(replyOf).join(', '),
    ]),
  )
  return `# Requirements

${generatedNote}

A requirement under \`require\` of a route has one of these keys; only \`acr\` and \`max_age\` can be combined.
[Configuration](configuration.md#requirement) lists the keys inside each of them, and [reasons](reasons.md) explains each
reason. When every requirement inside \`any\` lacks only scopes, the reply is that of the first one. When a new login could meet
one of them, the reply demands that login.

${table(['key', 'condition', 'reply when unmet: status, code (reason)'], rows)}
`
}

function descriptionOf(schema: z.ZodType): string {
  return z.globalRegistry.get(schema)?.description ?? ''
}

function replyOf(reason: Reason): string {
  const { status, code: problemCode } = reasons[reason]
  return `${status} ${code(problemCode)} (${code(reason)})`
}
