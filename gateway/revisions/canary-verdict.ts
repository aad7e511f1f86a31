import type { Canary } from './revision.ts'
import type { RequestCounts, RolloutReport } from './rollout-counts.ts'

/**
 * Minimum number of requests of a route on the canary nodes, and on the other nodes, before their shares of faults and
 * refusals are compared.
 */
export const REQUESTS_MIN = 100
/**
 * Number of standard errors that a difference must have above its limit before the canary is withdrawn. Without this
 * margin, a harmless revision would often be withdrawn by chance: of 100 requests with 5% refusals, every fourth
 * comparison differs by more than 2%. `over` (the time of the rollout is up): 95% confidence. `running`: more, because
 * the comparison is repeated every second.
 */
const STANDARD_ERRORS = { running: 4, over: 1.645 } as const

/** Numbers of requests of one route on the canary nodes and on the other nodes. */
export interface CanaryRow {
  /**
   * Id of the route; `null`: the row for denials and faults outside the routes that both revisions have, with the
   * number of all requests.
   */
  readonly route: string | null
  readonly canary: RequestCounts
  readonly others: RequestCounts
}

/** Result of the evaluation of a rollout, by the requests counted so far. */
export interface CanaryVerdict {
  readonly outcome: 'running' | 'promoted' | 'withdrawn' | 'undecided'
  /** Text with the cause of the rollout's outcome, with the route and its figures. */
  readonly why: string
}

/** Facts about a rollout other than its request counts. */
export interface CanaryFacts {
  readonly isOver: boolean
  /** Nodes that were chosen to try the revision and cannot enforce it, each with its problem. */
  readonly problems: readonly { readonly node: string; readonly problem: string }[]
  /** True when at least one node that was chosen to try the revision is still a member of the cluster. */
  readonly isTried: boolean
}

/**
 * Adds up the request counts that the members of a rollout reported, by route. A route that only one of the two
 * revisions has cannot be compared alone. Its denials and faults count in the row `null`, as a share of all requests.
 *
 * @param routes  ids of the routes of both revisions
 */
export function compareRoutes(
  reports: readonly RolloutReport[],
  { number }: Pick<Canary, 'number'>,
  routes: { readonly base: ReadonlySet<string>; readonly canary: ReadonlySet<string> },
): CanaryRow[] {
  const found = new Map<string | null, { canary: Sum; others: Sum }>()
  const rowOf = (route: string | null) => {
    const row = found.get(route) ?? { canary: new Sum(), others: new Sum() }
    found.set(route, row)
    return row
  }
  const rest = rowOf(null)
  for (const report of reports) {
    const side = report.number === number ? 'canary' : 'others'
    for (const [id, [requests, denials, faults]] of report.routes) {
      const isCommon = routes.base.has(id) && routes.canary.has(id)
      rest[side].requests += requests
      const sum = rowOf(isCommon ? id : null)[side]
      if (isCommon) sum.requests += requests
      sum.denials += denials
      sum.faults += faults
    }
  }
  return [...found].map(([route, { canary, others }]) => ({ route, canary, others }))
}

class Sum {
  requests = 0
  denials = 0
  faults = 0
}

/** Decides whether a rollout goes on, or its revision is promoted or withdrawn, or the result is undecided. Pure. */
export function canaryVerdict(rows: readonly CanaryRow[], canary: Canary, facts: CanaryFacts): CanaryVerdict {
  const { number } = canary
  const unable = facts.problems.map(({ node, problem }) => `node ${node}: ${problem}`)
  if (unable.length > 0) {
    return { outcome: 'withdrawn', why: `a chosen node cannot enforce revision ${number}: ${unable.join('; ')}` }
  }
  if (!facts.isTried) {
    return { outcome: 'undecided', why: `the nodes that enforced revision ${number} have stopped or restarted` }
  }
  const compared = rows.filter(isCompared)
  const sufficient = compared.filter(({ canary, others }) => Math.min(canary.requests, others.requests) >= REQUESTS_MIN)
  for (const row of sufficient) {
    for (const measure of measures) {
      const excess = excessOf(row, measure, canary)
      if (excess > STANDARD_ERRORS[facts.isOver ? 'over' : 'running'] * standardErrorOf(row, measure)) {
        return { outcome: 'withdrawn', why: excessText(row, measure, canary) }
      }
    }
  }
  if (!facts.isOver) return { outcome: 'running', why: '' }
  const [lacking, ...more] = compared.filter((row) => !sufficient.includes(row))
  if (lacking !== undefined) return { outcome: 'undecided', why: lackText(lacking, more.length) }
  return { outcome: 'promoted', why: 'no compared route exceeded the limits' }
}

/**
 * Whether a row of the rollout comparison counts. The row of all requests always counts; the row of a route counts if
 * the nodes without the canary have received requests for this route.
 */
function isCompared({ route, others }: CanaryRow): boolean {
  return route === null || others.requests > 0
}

type Measure = 'denials' | 'faults'

const measures: readonly Measure[] = ['denials', 'faults']

/**
 * Returns the share of requests with a denial or a fault (`measure`) on the canary nodes, minus this share on the other
 * nodes, minus the limit. A fraction; above 0, the canary nodes exceed the limit.
 */
function excessOf({ canary, others }: CanaryRow, measure: Measure, limits: Canary): number {
  const difference = canary[measure] / canary.requests - others[measure] / others.requests
  return difference - limitOf(measure, limits) / 100
}

function limitOf(measure: Measure, { max_faults_percent, max_new_denials_percent }: Canary): number {
  return measure === 'faults' ? max_faults_percent : max_new_denials_percent
}

/**
 * Returns the standard error of the difference between the share on the canary nodes and on the other nodes, with one
 * success and one failure added to each side (Agresti–Caffo).
 */
function standardErrorOf({ canary, others }: CanaryRow, measure: Measure): number {
  const variance = (counts: RequestCounts) => {
    const size = counts.requests + 2
    const share = (counts[measure] + 1) / size
    return (share * (1 - share)) / size
  }
  return Math.sqrt(variance(canary) + variance(others))
}

const verbs: Readonly<Record<Measure, string>> = { denials: 'refused', faults: 'answered with an error (5xx)' }
const flags: Readonly<Record<Measure, string>> = { denials: 'max_new_denials', faults: 'max_faults' }

function excessText(row: CanaryRow, measure: Measure, limits: Canary): string {
  const { canary, others } = row
  return (
    `${nameOf(row)}: ${percent(canary[measure], canary.requests)} of ${canary.requests} requests were ${verbs[measure]} on the ` +
    `canary nodes, and ${percent(others[measure], others.requests)} of ${others.requests} on the others; ` +
    `${flags[measure]} allows ${limitOf(measure, limits)}% more`
  )
}

function lackText({ canary, others, ...row }: CanaryRow, more: number): string {
  const rest = more === 0 ? '' : `, and ${more} more ${more === 1 ? 'route' : 'routes'}`
  return (
    `${row.route === null ? 'all routes together' : `route ${row.route}`}: ${canary.requests} requests on the canary nodes and ` +
    `${others.requests} on the others${rest}; a comparison needs ${REQUESTS_MIN} on each side`
  )
}

function nameOf({ route }: CanaryRow): string {
  return route === null ? 'requests without a common route' : `route ${route}`
}

function percent(part: number, whole: number): string {
  return `${Math.round((10_000 * part) / whole) / 100}%`
}
