import { invariants } from './invariants.ts'
import type { RowResult } from './run-row.ts'

/** Number of violations of an invariant that the table shows. */
const SHOWN = 5

/** Formats the results as a Markdown table, with the violations below it. */
export function resultTable(results: readonly RowResult[], seed: number): string {
  const head = ['row', 'fault in effect', 'fault s', 'requests', 'replies', 'receipts', 'invariants', 'well after s']
  const lines = [head, head.map(() => '---'), ...results.map(cellsOf)].map((cells) => `| ${cells.join(' | ')} |`)
  const failed = results.filter(({ violations }) => violations.size > 0)
  return [...lines, '', summaryOf(results), ...failed.map((result) => violationText(result, seed))].join('\n')
}

function cellsOf(result: RowResult): readonly string[] {
  const { name, proof, leftOut, violations, outcomes, receipts } = result
  if (leftOut !== undefined) return [name, `left out: ${leftOut}`, '', '', '', '', '', '']
  const replies = [...outcomes]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([status, count]) => `${status}: ${count}`)
  return [
    name,
    proof ?? 'NOT PROVEN',
    result.faultS.toFixed(1),
    `${result.requests}`,
    replies.join(', '),
    `${receipts.complete} + ${receipts.partial} partial, ${receipts.none} none`,
    violations.size === 0 ? `${invariants.length} hold` : `VIOLATED: ${[...violations.keys()].join(', ')}`,
    result.wellS.toFixed(1),
  ]
}

function summaryOf(results: readonly RowResult[]): string {
  const done = results.filter(({ leftOut }) => leftOut === undefined)
  const requests = done.reduce((sum, each) => sum + each.requests, 0)
  const violated = done.filter(({ violations }) => violations.size > 0).length
  const left = results.length - done.length
  return `${done.length} rows, ${requests} requests, ${violated} rows with a violation, ${left} left out`
}

function violationText({ name, violations }: RowResult, seed: number): string {
  const lines = [...violations].flatMap(([invariant, found]) => {
    const more = found.length > SHOWN ? [`    and ${found.length - SHOWN} more`] : []
    return [`  ${invariant}:`, ...found.slice(0, SHOWN).map((text) => `    ${text}`), ...more]
  })
  return [`\n${name}`, ...lines, `  repeat: npm run test:chaos -- --row ${name} --seed ${seed}`].join('\n')
}
