import { createHash } from 'node:crypto'
import type { MemberListing } from '../cluster/member.ts'
import { issuerDifferences } from '../policy/difference/entry-differences.ts'
import { type ComparedPolicy, policySide } from '../policy/difference/policy-side.ts'
import { limitRules } from '../policy/limit-rules.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { CANARY_EVENT } from './revision-store.ts'
import type { VoteProblem } from './vote.ts'

/** Order to try a new policy on a share of the nodes before the policy becomes active. */
export interface CanaryOrder {
  /** Share of the nodes that try the policy, percent. */
  readonly percent: number
  readonly forMs: number
  /** Maximum accepted increase of the share of faults on the canary nodes, in percent of the requests of a route. */
  readonly maxFaultsPercent: number
  /**
   * Maximum accepted increase of the share of refused requests on the canary nodes, in percent of the requests of a
   * route.
   */
  readonly maxNewDenialsPercent: number
}

/**
 * Lists the changes because of which a policy cannot be a canary. All nodes of a cluster must make these changes at the
 * same time, because the nodes share sessions, tokens and the windows of limits.
 */
export function canaryObstacles(before: ComparedPolicy, after: ComparedPolicy): VoteProblem[] {
  const issuers = issuerDifferences(policySide(before), policySide(after)).map(({ place, change }) => ({
    path: place,
    message: `a canary cannot change issuers, their login or their session: ${place} is ${change === 'added' || change === 'removed' ? change : 'changed'}`,
    hint,
  }))
  const modes = modesOf(before.snapshot)
  const limits = [...modesOf(after.snapshot)].flatMap(([label, mode]) => {
    const was = modes.get(label)
    if (was === undefined || was === mode) return []
    return [{ message: `a canary cannot change the mode of limit ${label}: ${was} becomes ${mode}`, hint }]
  })
  return [...issuers, ...limits]
}

const hint = 'apply this change without --canary first, then try the rest'

function modesOf(snapshot: Snapshot): ReadonlyMap<string, 'exact' | 'leased'> {
  return new Map([...limitRules(snapshot)].map(({ label, mode }) => [label, mode]))
}

/**
 * Chooses the members that try a revision: `percent` of all members, rounded up, at least one member and never all. A
 * hash of revision and member decides, so that different members try different revisions.
 *
 * @param members  at least two
 * @param hash  hash of the revision
 * @returns keys of the chosen members
 */
export function chooseCanaryMembers(
  members: readonly Pick<MemberListing, 'key'>[],
  percent: number,
  hash: string,
): string[] {
  const count = Math.min(Math.max(1, Math.ceil((members.length * percent) / 100)), members.length - 1)
  const ranked = members.map(({ key }) => ({ key, rank: createHash('sha256').update(`${hash} ${key}`).digest('hex') }))
  return ranked
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, count)
    .map(({ key }) => key)
}

/** Lists the problems because of which the members of a cluster cannot try a canary; empty when they can. */
export function memberObstacles(members: readonly MemberListing[]): VoteProblem[] {
  const unable = members.filter(({ eventKinds }) => !eventKinds.includes(CANARY_EVENT))
  if (unable.length > 0) {
    const nodes = unable.map(({ id }) => id).join(', ')
    return [{ message: `these nodes do not know canaries, because their version is older: ${nodes}` }]
  }
  return members.length >= 2
    ? []
    : [{ message: 'a canary needs two nodes: one that tries the policy, and one to compare with' }]
}
