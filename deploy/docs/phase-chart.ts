import { type Reason, reasons } from '../../gateway/base/reasons.ts'
import type { Lifecycle, Step } from '../../gateway/pipeline/exchange/steps.ts'
import { checkLifecycle, lifecycle } from '../../gateway/pipeline/lifecycle.ts'

/**
 * Builds a Mermaid chart of the phases of an exchange and of a check: their order, waits, denials, replies and faults.
 */
export function phaseChart(): string {
  const lines = [
    'wire([request]) --> uws{{uWebSockets.js}}',
    'uws -- "malformed head: 400 431 505, and the connection closes" --> own[/reply of uWebSockets.js/]',
    `uws --> ${idOf(lifecycle.request[0]!)}`,
    ...allSteps().flatMap(stepLines),
    ...orderLines(),
    ...replyLines(),
    'refuse[/problem document/] --> settle',
    'reply[/reply of the gate/] --> settle',
    'fault[/"problem document: 502 503 504"/] --> settle',
    'settle([settle: one record, exactly once])',
  ]
  return ['```mermaid', 'flowchart TD', ...lines.map((line) => `  ${line}`), '```'].join('\n')
}

/** Returns the phases in the order of an exchange, each once. Phases that only a check has come last. */
function allSteps(): readonly Step[] {
  const seen = new Map<string, Step>()
  for (const step of [...lifecycle.request, ...checkLifecycle.request])
    if (!seen.has(step.name)) seen.set(step.name, step)
  return [...seen.values()]
}

function stepLines(step: Step): string[] {
  const id = idOf(step)
  const label = step.waits === false ? step.name : `"${step.name}<br/>waits ${step.waits}"`
  return [
    `${id}[${label}]`,
    ...edge(id, '-- ', ' -->', step.denies, 'refuse'),
    ...edge(id, '-- ', ' -->', step.answers, 'reply'),
    ...edge(id, '-. ', ' .->', step.throws, 'fault'),
  ]
}

function edge(id: string, from: string, to: string, ends: readonly Reason[], target: string): string[] {
  if (ends.length === 0) return []
  return [`${id} ${from}"${statusesOf(ends).join(' ')}"${to} ${target}`]
}

/**
 * Returns an arrow from each phase to the next. Where exchange and check continue with different phases, the arrow has
 * a label.
 */
function orderLines(): string[] {
  const exchange = pairsOf(lifecycle)
  const check = pairsOf(checkLifecycle)
  return [
    ...[...exchange].map((pair) =>
      check.has(pair) || !branches(pair, check) ? pair : pair.replace('-->', '-- exchange -->'),
    ),
    ...[...check].filter((pair) => !exchange.has(pair)).map((pair) => pair.replace('-->', '-. check .->')),
  ]
}

function pairsOf({ request }: Lifecycle): ReadonlySet<string> {
  return new Set(request.slice(1).map((step, i) => `${idOf(request[i]!)} --> ${idOf(step)}`))
}

/** Whether `others` contains an arrow from the first phase of `pair` to another phase. */
function branches(pair: string, others: ReadonlySet<string>): boolean {
  const start = pair.slice(0, pair.indexOf(' ') + 1)
  return [...others].some((other) => other.startsWith(start))
}

function replyLines(): string[] {
  const last = idOf(lifecycle.request.at(-1)!)
  const phases = lifecycle.reply.map(({ name }) => name)
  return [
    `${last} -. "before a retry, or once a new connection is open" .-> check_validity`,
    `${last} --> service[/response of the service/] --> ${phases.map((name) => `${idOf({ name })}[${name}]`).join(' --> ')} --> settle`,
    'service -. "upstream fails in the body" .-> broken[/connection closes, the client sees a truncated response/] --> settle',
    'wire -. "client disconnects: the upstream call is cancelled" .-> settle',
  ]
}

function statusesOf(ends: readonly Reason[]): number[] {
  return [...new Set(ends.map((reason) => reasons[reason].status))].sort((a, b) => a - b)
}

function idOf({ name }: { readonly name: string }): string {
  return name.replaceAll('-', '_')
}
