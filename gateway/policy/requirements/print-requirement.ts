import { formatDuration } from '../../base/duration.ts'
import { forbiddenKeys } from '../../config/yaml-document.ts'
import type { ClaimEntry } from './claims-entry.ts'
import type { RequirementTree } from './requirement-entry.ts'
import { formatHour, formatInstant, type TimeEntry, weekdays } from './time-entry.ts'

/**
 * Formats a requirement as written in a policy, with every default.
 *
 * @param soleIssuer  issuer that is meant when none is named
 */
export function printedRequirement(tree: RequirementTree, soleIssuer: string | undefined): object {
  const { all, any, not, claims, clients, time, max_age, ...same } = tree
  const printed = (part: RequirementTree) => printedRequirement(part, soleIssuer)
  return {
    ...(all && { all: all.map(printed) }),
    ...(any && { any: any.map(printed) }),
    ...(not && { not: printed(not) }),
    ...same,
    ...(claims && { claims: printedClaims(claims) }),
    ...(clients && { clients: { any: clients.any, issuer: clients.issuer ?? soleIssuer } }),
    ...(time && { time: printedTime(time) }),
    ...(max_age !== undefined && { max_age: formatDuration(max_age) }),
  }
}

/** Formats claims by name, in this order, when names can express them; otherwise as a list. */
function printedClaims(claims: readonly ClaimEntry[]): object {
  const names = claims.map(({ claim }) => printedPath(claim))
  const byName = Object.fromEntries(claims.map(({ claim: _, ...wanted }, i) => [String(names[i]), wanted]))
  const order = Object.keys(byName)
  const plain = names.every((name, i) => name === order[i] && !forbiddenKeys.has(order[i]!) && name !== '<<')
  if (plain && names.length === order.length) return byName
  return claims.map(({ claim, ...wanted }) => ({ claim: printedPath(claim), ...wanted }))
}

/** Formats the path of a claim: names joined by dots, or a list when a name contains a dot. */
export function printedPath(path: readonly string[]): string | readonly string[] {
  return path.some((name) => name.includes('.')) ? path : path.join('.')
}

function printedTime({ days = weekdays, from, to, zone, not_before, not_after }: TimeEntry): object {
  return {
    days,
    from: formatHour(from),
    to: formatHour(to),
    zone,
    ...(not_before !== undefined && { not_before: formatInstant(not_before) }),
    ...(not_after !== undefined && { not_after: formatInstant(not_after) }),
  }
}
