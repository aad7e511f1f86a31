import type { ReplyOf } from '../api/call.ts'
import { countText } from '../text/format.ts'
import { Notice } from './notices.tsx'
import { Value } from './texts.tsx'

interface SummaryGapsProps {
  /** Summaries of the nodes; `undefined` in a list of one node. */
  readonly nodes: ReplyOf<'list_streams'>['nodes']
  /** Plural noun of the things in the list. */
  readonly things: string
}

/** Names the nodes whose things the list lacks, all or some of them. */
export function SummaryGaps({ nodes = [], things }: SummaryGapsProps) {
  const missing = nodes.filter(({ at }) => at === null)
  const partial = nodes.filter(({ total, summarized }) => total !== null && total > summarized)
  return (
    <>
      {missing.length > 0 && (
        <Notice tone="warn">
          No recent summary of <Value text={missing.map(({ node }) => node).join(', ')} />:{' '}
          {missing.length === 1 ? 'its' : 'their'} {things} are missing here.
        </Notice>
      )}
      {partial.map(({ node, total, summarized }) => (
        <Notice key={node}>
          The summary of <Value text={node} /> has {countText(summarized)} of its {countText(total ?? 0)} {things}. The
          console of that node has more.
        </Notice>
      ))}
    </>
  )
}
