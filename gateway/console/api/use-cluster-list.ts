import { useEffect, useState } from 'react'
import type { InputOf, ReplyOf } from './call.ts'
import { type Loaded, useOperation } from './use-operation.ts'

type ClusterList = 'list_streams' | 'list_limits'

/** Pause between two loads, ms. Nodes publish their summaries every 2 s. */
const EVERY_MS = 3000

/** Calls an operation that lists things of all nodes; of this node alone when it runs without Redis. */
export function useClusterList<Id extends ClusterList>(
  id: Id,
  query: Readonly<Record<string, string>>,
): Loaded<ReplyOf<Id>> {
  const [isAlone, setAlone] = useState(false)
  const input = { query: isAlone ? query : { ...query, scope: 'cluster' } } as unknown as InputOf<Id>
  const list = useOperation(id, input, { everyMs: EVERY_MS })
  const code = list.problem?.code
  useEffect(() => {
    if (code === 'cluster_unavailable') setAlone(true)
  }, [code])
  return list
}
