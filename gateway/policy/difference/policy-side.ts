import type { PolicyDocument } from '../policy-schema.ts'
import { printPolicy } from '../print-policy.ts'
import type { RouteEntry } from '../services/route-entry.ts'
import type { ServiceEntry } from '../services/service-entry.ts'
import type { Route, Snapshot } from '../snapshot.ts'

/** A policy to compare: its document, and the snapshot that was compiled from the document. */
export interface ComparedPolicy {
  readonly document: PolicyDocument
  readonly snapshot: Snapshot
}

type Printed = Readonly<Record<string, unknown>>

/** One route of a compared policy: compiled, as written, and as printed with all defaults. */
export interface ComparedRoute {
  readonly route: Route
  readonly entry: RouteEntry
  readonly service: ServiceEntry
  /**
   * Policy keys of the route with all defaults, as `gatehouse check --print` prints them; `printedService`: keys of its
   * service.
   */
  readonly printed: Printed
  readonly printedService: Printed
  readonly policy: PolicySide
}

/** One of the two compared policies, in the forms that the comparison needs. */
export interface PolicySide {
  readonly snapshot: Snapshot
  readonly document: PolicyDocument
  /** Entries of the policy as `gatehouse check --print` prints them, by name. */
  readonly issuers: Readonly<Record<string, Printed>>
  readonly services: Readonly<Record<string, Printed>>
  readonly limits: readonly Printed[]
  readonly routes: ReadonlyMap<Route, ComparedRoute>
  readonly routesById: ReadonlyMap<string, ComparedRoute>
}

interface PrintedPolicy extends Pick<PolicySide, 'issuers' | 'services' | 'limits'> {}

export function policySide({ document, snapshot }: ComparedPolicy): PolicySide {
  const { issuers, services, limits } = printPolicy(document) as PrintedPolicy
  const routes = new Map<Route, ComparedRoute>()
  const routesById = new Map<string, ComparedRoute>()
  const side: PolicySide = { snapshot, document, issuers, services, limits, routes, routesById }
  for (const route of snapshot.routes) {
    const service = document.services[route.service.id]!
    const index = service.routes.findIndex(({ id }) => id === route.id)
    const printedService = services[route.service.id]!
    const printed = (printedService['routes'] as readonly Printed[])[index]!
    const compared = { route, entry: service.routes[index]!, service, printed, printedService, policy: side }
    routes.set(route, compared)
    routesById.set(route.id, compared)
  }
  return side
}

/**
 * Whether two printed policy values are equal. The order of keys counts, because the printer always uses the same
 * order.
 */
export function isSame(before: unknown, after: unknown): boolean {
  return JSON.stringify(before) === JSON.stringify(after)
}
