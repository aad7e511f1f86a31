import { reasons } from '../../gateway/base/reasons.ts'
import { code, generatedNote, table } from './markdown.ts'

interface Entry {
  readonly status: number
  readonly code: string
  readonly why: string
  readonly close?: true
}

/** docs/reference/reasons.md: the closed vocabulary of how exchanges end. */
export function reasonsPage(): string {
  const rows = Object.entries<Entry>(reasons).map(([reason, { status, code: told, why, close = false }]) => [
    code(reason),
    String(status),
    code(told),
    close ? 'yes' : '',
    why,
  ])
  return `# Reasons

${generatedNote}

Why an exchange ended as it did. There are no other reasons than these, and each is the same word in the access log
(\`reason\`) and in \`gatehouse explain\`. The client is told the status and the code alone, so that a bad token looks the
same whatever is wrong with it. They stand roughly in the order in which the gate looks.

A status of 200 stands for the gate's own decision: an admitted request is answered with whatever the service says. Where
the connection closes, what follows on it could not be trusted to be a request.

${table(['reason', 'status', 'code', 'closes', 'meaning'], rows)}
`
}
