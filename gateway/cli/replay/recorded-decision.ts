import { type Reason, reasons } from '../../base/reasons.ts'
import { lifecycle } from '../../pipeline/lifecycle.ts'
import { authorize } from '../../pipeline/phases/authorize.ts'
import { matchRoute } from '../../pipeline/phases/match-route.ts'
import { readCredential } from '../../pipeline/phases/read-credential.ts'
import { reservedPrefixOf } from '../../policy/reserved-paths.ts'
import type { AuditLine } from '../audit-record.ts'

const names = lifecycle.request.map(({ name }) => name)
const first = names.indexOf(matchRoute.name)
const last = names.indexOf(authorize.name)

/** Returns the position of a phase in the lifecycle of exchanges; -1 if there is no such phase. */
export function positionOf(phase: string | undefined): number {
  return phase === undefined ? -1 : names.indexOf(phase)
}

/**
 * Position of the phase that reads the credential. On a public route, a request passes this phase whatever it contains.
 */
export const credentialPosition = positionOf(readCredential.name)

/** For each reason: position of the first phase that returns it. Only of the phases in which the policy decides. */
const policyPositions = new Map<Reason, number>()
/**
 * Reasons of the phases of an exchange that follow the decision: with such a reason the policy has admitted the
 * request.
 */
const laterReasons = new Set<Reason>(['admitted'])
for (const [i, { denies, answers }] of lifecycle.request.entries()) {
  for (const reason of [...denies, ...answers]) {
    if (i > last) laterReasons.add(reason)
    else if (i >= first && !policyPositions.has(reason)) policyPositions.set(reason, i)
  }
}

function isReserved(path: unknown): boolean {
  return typeof path === 'string' && reservedPrefixOf(path) !== undefined
}

/** The decision of the policy in an audit record. */
export type RecordedDecision =
  | { readonly reason: Reason; readonly position: number }
  | { readonly ignored: true }
  | { readonly undecidable: string }

/**
 * Reads the decision of the policy from a record of an exchange. Events after the decision, such as a rate limit or a
 * failure of the service, do not matter. Returns `ignored` for a reply of the gate itself, and for a request that was
 * rejected before the policy could decide.
 */
export function recordedDecision(record: AuditLine): RecordedDecision {
  const event = record['gatehouse.stream.event']
  if (record['kind'] === 'refusals') return { undecidable: 'requests without a route that share one record' }
  if (record['kind'] !== 'exchange' || event === 'ended') return { ignored: true }
  if (event === 'opened') return { undecidable: 'a WebSocket, whose Origin is not recorded' }
  const reason = record['gatehouse.reason']
  if (typeof reason !== 'string' || !Object.hasOwn(reasons, reason)) return { undecidable: 'an unknown reason' }
  const known = reason as Reason
  if (record['gatehouse.upstream'] !== undefined) return { reason: 'admitted', position: last + 1 }
  const position = policyPositions.get(known)
  const isRouted = record['gatehouse.route'] !== undefined
  // Ignore a recorded request that an earlier phase rejected, for example on a path of the gate itself: such phases
  // share some reasons with the phases in which the policy decides.
  if (!isRouted && (position !== first || isReserved(record['url.path']))) return { ignored: true }
  if (position !== undefined) return { reason: known, position }
  if (record['gatehouse.decision'] === 'answered') return { ignored: true }
  if (laterReasons.has(known)) return { reason: 'admitted', position: last + 1 }
  return { undecidable: 'the request ended before it was decided' }
}
