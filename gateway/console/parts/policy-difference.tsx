import type { ReplyOf } from '../api/call.ts'
import { type PolicyChange, policyChanges } from '../text/policy-changes.ts'
import { Notice } from './notices.tsx'
import { StateSign } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Value } from './texts.tsx'

/** Difference of two policies by their effect: first whether it admits more, then each change. */
export function PolicyDifference({ difference }: { readonly difference: ReplyOf<'compare_policy'> }) {
  if (difference.equal) return <Notice quiet>Both revisions have the same effect.</Notice>
  const columns: readonly Column<PolicyChange>[] = [
    { title: 'Place', isName: true, cell: ({ place }) => <Value text={place} /> },
    {
      title: 'Change',
      cell: ({ change, widens }) => <StateSign tone={widens ? 'warn' : 'plain'}>{change}</StateSign>,
    },
    { title: 'Before', cell: ({ before }) => <Value text={before} isCode /> },
    { title: 'After', cell: ({ after }) => <Value text={after} isCode /> },
  ]
  return (
    <>
      <Notice tone={difference.widens ? 'warn' : 'plain'}>
        {difference.widens
          ? 'The new policy may admit requests, or exceed limits, of the old one.'
          : 'The new policy admits no request and exceeds no limit of the old one.'}
      </Notice>
      <DataTable
        caption="Changes of the policy"
        columns={columns}
        rows={policyChanges(difference)}
        keyOf={({ id }) => id}
      />
    </>
  )
}
