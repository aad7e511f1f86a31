import { relaxationsOf } from '../relaxations.ts'
import {
  credentialDifferences,
  issuerDifferences,
  limitDifferences,
  serviceDifferences,
  upstreamDifferences,
} from './entry-differences.ts'
import type { PolicyDifference } from './policy-difference.ts'
import { type ComparedPolicy, policySide } from './policy-side.ts'
import { routeDifferences } from './route-differences.ts'

/**
 * Compares two policies by their effect: which requests they admit, and all other effective values. Pure. The time is
 * linear in the size of the policies, except for patterns with several `*`.
 */
export function differenceOf(before: ComparedPolicy, after: ComparedPolicy): PolicyDifference {
  const [old, now] = [policySide(before), policySide(after)]
  const routes = routeDifferences(old, now)
  const limits = limitDifferences(old, now)
  const credentials = credentialDifferences(old, now)
  const upstreams = upstreamDifferences(old, now)
  const issuers = issuerDifferences(old, now)
  const services = serviceDifferences(old, now)
  const relaxations = relaxationDifferences(before, after)
  const entries = [routes, limits, credentials, upstreams, issuers, services].flat()
  const { added, removed } = relaxations
  return {
    equal: entries.length + added.length + removed.length === 0,
    widens: added.length > 0 || entries.some((entry) => entry.widens),
    routes,
    limits,
    credentials,
    upstreams,
    issuers,
    services,
    relaxations,
  }
}

function relaxationDifferences(before: ComparedPolicy, after: ComparedPolicy): PolicyDifference['relaxations'] {
  const [old, now] = [relaxationsOf(before.snapshot), relaxationsOf(after.snapshot)]
  return { added: now.filter((one) => !old.includes(one)), removed: old.filter((one) => !now.includes(one)) }
}
