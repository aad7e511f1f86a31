import type { ReplyOf } from '../api/call.ts'

type UpstreamList = ReplyOf<'list_upstreams'>
type Drain = UpstreamList['drains'][number]

/** One address of an upstream, with the drain of the upstream. */
export type UpstreamRow = UpstreamList['upstreams'][number] & {
  readonly drain: Drain | undefined
  /** Whether the row is the first one of its upstream, which offers the changes. */
  readonly isFirst: boolean
  /** Whether all other upstreams of the service are drained. */
  readonly isLast: boolean
}

/** Change that an operator asks for. */
export interface UpstreamChange {
  readonly kind: 'drain' | 'undrain'
  readonly row: UpstreamRow
}

const nameOf = ({ service, upstream }: { readonly service: string; readonly upstream: string }) =>
  JSON.stringify([service, upstream])

/** Returns the addresses of upstreams in the order of the list, each with the drain of its upstream. */
export function upstreamRows({ upstreams, drains }: UpstreamList): UpstreamRow[] {
  const drained = new Map(drains.map((drain) => [nameOf(drain), drain]))
  const seen = new Set<string>()
  return upstreams.map((each) => {
    const name = nameOf(each)
    const isFirst = !seen.has(name)
    seen.add(name)
    const isLast = upstreams.every(
      (other) => other.service !== each.service || other.upstream === each.upstream || drained.has(nameOf(other)),
    )
    return { ...each, drain: drained.get(name), isFirst, isLast }
  })
}

/** Returns the drains of upstreams that the policy of the node does not have. */
export function drainsWithoutUpstream({ upstreams, drains }: UpstreamList): readonly Drain[] {
  const known = new Set(upstreams.map(nameOf))
  return drains.filter((drain) => !known.has(nameOf(drain)))
}
