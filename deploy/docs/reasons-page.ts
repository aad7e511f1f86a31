import { type Reason, reasons } from '../../gateway/base/reasons.ts'
import { remedies } from '../../gateway/base/remedies.ts'
import { endReasons } from '../../gateway/pipeline/exchange/end-reasons.ts'
import type { Step } from '../../gateway/pipeline/exchange/steps.ts'
import { checkLifecycle, lifecycle } from '../../gateway/pipeline/lifecycle.ts'
import { code, generatedNote, table } from './markdown.ts'

interface Entry {
  readonly status: number
  readonly code: string
  readonly why: string
  readonly close?: true
}

/** Phases of an exchange and of a check, each phase once. */
const steps: readonly Step[] = [
  ...new Map([...lifecycle.request, ...checkLifecycle.request].map((step) => [step.name, step])).values(),
]

/** Builds docs/reference/reasons.md: all reasons with which an exchange can end. */
export function reasonsPage(): string {
  const rows = Object.entries<Entry>(reasons).map(([reason, { status, code: sent, why, close = false }]) => [
    code(reason),
    String(status),
    code(sent),
    close ? 'yes' : '',
    why,
    remedies[reason as Reason] ?? '',
    endersOf(reason as Reason).join(', '),
  ])
  return `# Reasons

${generatedNote}

Each exchange ends with exactly one reason. The access log (\`reason\`), the audit record, the metrics and
\`gatehouse explain\` use the same word. The client receives only the status and the code, so all invalid tokens look
alike. The rows follow the order of the checks.

Status 200 is the gate's own decision: the response of an admitted request has the status that the service sends. With
\`yes\` in column \`closes\`, the gate closes the connection: it cannot trust that the following bytes are a request.

${table(['reason', 'status', 'code', 'closes', 'meaning', 'what to do first', 'from'], rows)}

## Phases

The phases of an exchange, in order, with the reasons with which each phase can end the exchange. Phases that never
end an exchange are not listed. A failure inside the gate ends an exchange in any phase: 503 \`node-fault\`. The chart in
[gateway/README.md](../../gateway/README.md) shows the order.

${table(['phase', 'waits', 'refuses with', 'replies with', 'fails with'], steps.filter(ends).map(phaseRow))}

At any time, also outside of the phases, the response of the service, a timer, the listener or the client can end the
exchange: ${list(endReasons)}.
`
}

function phaseRow({ name, waits, denies, answers, throws }: Step): string[] {
  return [code(name), waits === false ? '' : waits, list(denies), list(answers), list(throws)]
}

function ends({ denies, answers, throws }: Step): boolean {
  return denies.length + answers.length + throws.length > 0
}

/** Returns the names of the phases that can end an exchange with this reason. */
function endersOf(reason: Reason): string[] {
  const names = steps
    .filter(({ denies, answers, throws }) => [...denies, ...answers, ...throws].includes(reason))
    .map(({ name }) => code(name))
  return (endReasons as readonly Reason[]).includes(reason) ? [...names, 'any time'] : names
}

function list(named: readonly Reason[]): string {
  return named.map(code).join(', ')
}
