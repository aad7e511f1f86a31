import {
  exactTicks,
  type LimitPart,
  type LimitRule,
  type LimitsOutage,
  leasedTicks,
  limitParts,
  type RouteLimits,
} from '../../base/limit-rule.ts'
import type { DocumentPath } from '../../config/problem.ts'
import type { ReportProblem } from '../report-problem.ts'
import type { RouteLimitEntry } from './limit-entry.ts'
import type { RouteEntry } from './route-entry.ts'

/**
 * Number of requests per window from which mode `auto` means `leased`. With fewer requests, leased permits save too few
 * Redis calls.
 */
const LEASED_FROM = 1000

/**
 * Limits of one owner: the policy, a service or a route. The group is compiled once and shared by all routes of the
 * owner.
 */
export interface LimitGroup {
  readonly rules: readonly LimitRule[]
  readonly at: DocumentPath
}

/**
 * Compiles the rate limits of one owner: the policy, a service or a route.
 *
 * @param owner  owner of the limits: `gate`, `service/ID` or `route/ID`
 */
export function compileLimits(
  entries: readonly RouteLimitEntry[],
  owner: string,
  at: DocumentPath,
  report: ReportProblem,
): LimitGroup {
  const rules: LimitRule[] = []
  for (const [i, entry] of entries.entries()) {
    const { name, requests, window: windowMs, burst } = entry
    // Skip an entry that counts WebSocket messages instead of requests.
    if (requests === undefined) continue
    const by = canonical(entry.by)
    const mode =
      entry.mode === 'auto' ? (requests >= LEASED_FROM && burst === undefined ? 'leased' : 'exact') : entry.mode
    const add = (ruleName: string, most: number, spanMs: number): void => {
      rules.push(
        limitRule({
          name: ruleName,
          owner,
          by,
          mode,
          requests: most,
          windowMs: spanMs,
          cost: entry.cost,
          shadow: entry.shadow,
        }),
      )
    }
    add(name, requests, windowMs)
    if (burst === undefined) continue
    const fault = burstFault(entry, requests, mode)
    if (fault !== undefined) report('GH_POLICY_LIMIT', fault, [...at, i, 'burst'])
    else add(`${name}.burst`, burst, (windowMs * burst) / requests)
  }
  return { rules, at }
}

function burstFault(
  { burst = 0, cost }: RouteLimitEntry,
  requests: number,
  mode: LimitRule['mode'],
): string | undefined {
  if (mode === 'leased') return 'burst needs mode: exact, because a node spends leased permits in bursts'
  if (burst >= requests) return 'burst must be below requests'
  return cost > burst
    ? 'cost is above burst, so that every request would be rejected; lower cost or raise burst'
    : undefined
}

/** Sorts the parts of `by` of a limit, so that a policy with another order of the same parts uses the same windows. */
function canonical(written: RouteLimitEntry['by']): readonly LimitPart[] {
  const parts: readonly LimitPart[] = Array.isArray(written) ? written : [written]
  const claims = new Map(parts.filter((part) => typeof part === 'object').map((part) => [JSON.stringify(part), part]))
  const sorted = [...claims].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => part)
  return [...limitParts.filter((part) => parts.includes(part)), ...sorted]
}

function limitRule(parts: Omit<LimitRule, 'label' | 'key' | 'policyItem'> & { readonly owner: string }): LimitRule {
  const { owner, ...rule } = parts
  const { name, mode, requests, windowMs } = rule
  const label = `${owner}/${name}`
  const ticks = mode === 'exact' ? exactTicks(requests) : leasedTicks
  // Omit a window with a fraction of a second instead of rounding it: the draft of the RateLimit fields allows only
  // whole seconds.
  const window = windowMs % 1000 === 0 ? `;w=${windowMs / 1000}` : ''
  return Object.freeze({
    ...rule,
    label,
    key: `${label}:${windowMs}:${ticks}`,
    policyItem: `"${name}";q=${requests}${window}`,
  })
}

/** Returns the limits of one route. On a public route, inherited limits that depend on a token are skipped. */
export function routeLimits(
  groups: readonly LimitGroup[],
  entry: RouteEntry,
  onOutage: LimitsOutage,
  report: ReportProblem,
): RouteLimits | undefined {
  const isPublic = entry.require === 'public'
  const rules: LimitRule[] = []
  const shadows: LimitRule[] = []
  const names = new Map<string, string>()
  for (const [level, { rules: own, at }] of groups.entries()) {
    for (const rule of own) {
      if (isPublic && rule.by.some(needsToken)) {
        if (level < groups.length - 1) continue
        report(
          'GH_POLICY_LIMIT',
          `limit ${rule.name} counts by a token, but a public route has none; use by: address or by: route`,
          at,
        )
      }
      const twin = names.get(rule.name)
      if (twin !== undefined) {
        const message = `route ${entry.id} has two limits named ${rule.name}: ${twin} and ${rule.label}; rename one of them`
        report('GH_POLICY_LIMIT', message, at)
      }
      names.set(rule.name, rule.label)
      const list = rule.shadow ? shadows : rules
      list.push(rule)
    }
  }
  if (rules.length === 0 && shadows.length === 0) return undefined
  const byTokenAlone = [...rules, ...shadows].every(({ by }) => !by.includes('address'))
  return Object.freeze({
    rules,
    shadows,
    byTokenAlone: byTokenAlone && !isPublic,
    onOutage,
    policyField: rules.map(({ policyItem }) => policyItem).join(', '),
  })
}

function needsToken(part: LimitPart): boolean {
  return part !== 'address' && part !== 'route'
}
