import type { ReplyOf } from '../api/call.ts'
import { type EffectLine, effectLines } from '../text/effect-lines.ts'
import { Notice } from './notices.tsx'
import { StateSign } from './state.tsx'
import { type Column, DataTable } from './table.tsx'
import { Value } from './texts.tsx'

/** Difference of two policies by their effect: first whether it admits more, then each change. */
export function EffectTable({ difference }: { readonly difference: ReplyOf<'compare_policy'> }) {
  if (difference.equal) return <Notice quiet>Both revisions have the same effect.</Notice>
  const columns: readonly Column<EffectLine>[] = [
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
          ? 'The new policy may admit requests that the old one refuses.'
          : 'The new policy admits no request that the old one refuses.'}
      </Notice>
      <DataTable
        caption="Changes of the policy"
        columns={columns}
        rows={effectLines(difference)}
        keyOf={({ id }) => id}
      />
    </>
  )
}
