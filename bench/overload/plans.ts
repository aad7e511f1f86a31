import { randomBytes } from 'node:crypto'
import { type Priority, priorities } from '../../gateway/base/priority.ts'
import { getRequest } from '../harness/connection.ts'
import type { FlowPlan, LoadFlow } from './flow.ts'

/** Share of the requests of users that each priority has. The critical requests alone fit into the capacity. */
const SHARES: Readonly<Record<Priority, number>> = { critical: 0.2, default: 0.3, batch: 0.5 }
/** Load before and after an overload, and of the users during a flood, as a part of the capacity. */
export const BEFORE = 0.8
const DURING_FLOOD = 0.2
/** Time before an overload, and after an overload or a flood, s. */
export const CALM_S = 5
const FLOOD_S = 5
/** Number of client addresses of a flood; none of them is an address of users. Each may cause 50 failed verifications a second by default. */
const ADDRESSES = 250
const FLOOD_CONNECTIONS = 1024
const FORGED = 10_000
/** Rate of new connections, per second: opening one costs the generator about three times as much as the node. */
const CONNECTIONS_PER_SECOND = 2000

export const floods = ['forged_tokens', 'connections', 'logins'] as const

export type FloodName = (typeof floods)[number]

/** Requests that load a node, and its capacity. */
export interface LoadedNode {
  readonly port: number
  /** Values of `Authorization` of the users. */
  readonly authorizations: readonly string[]
  /** Maximum number of connections of the users. */
  readonly connections: number
  /** Requests per second that the node can process. */
  readonly capacity: number
}

/**
 * Plan with requests of users only.
 *
 * @param steps  length of each step, s, and its load as a part of the capacity
 */
export function userPlan(node: LoadedNode, steps: readonly (readonly [seconds: number, load: number])[]): FlowPlan {
  const flows = userFlows(
    node,
    steps.map(([, load]) => load),
  )
  return { port: node.port, steps: steps.map(([seconds]) => seconds), flows }
}

/** Plan with a flood of strangers, during which users send a fifth of the requests that the node can process. */
export function floodPlan(node: LoadedNode, flood: FloodName): FlowPlan {
  const users = userFlows(node, [DURING_FLOOD, DURING_FLOOD])
  return { port: node.port, steps: [FLOOD_S, CALM_S], flows: [...users, floodFlow(node, flood)] }
}

function userFlows({ authorizations, connections, capacity }: LoadedNode, loads: readonly number[]): LoadFlow[] {
  return priorities.map((priority) => ({
    name: priority,
    heads: authorizations.map((value) => getRequest(`/${priority}/1`, value)),
    perSecond: loads.map((load) => load * SHARES[priority] * capacity),
    connections: Math.round(connections / priorities.length),
  }))
}

function floodFlow({ authorizations, capacity }: LoadedNode, flood: FloodName): LoadFlow {
  const common = { name: flood, connections: FLOOD_CONNECTIONS, addresses: ADDRESSES }
  if (flood === 'connections') {
    const heads = [getRequest('/critical/1')]
    return { ...common, heads, perSecond: [CONNECTIONS_PER_SECOND, 0], isReconnecting: true }
  }
  const heads =
    flood === 'logins'
      ? [getRequest('/.gatehouse/login?return_to=/')]
      : Array.from({ length: FORGED }, () => getRequest('/critical/1', forged(authorizations[0]!)))
  return { ...common, heads, perSecond: [capacity, 0] }
}

/** Returns the token with another signature (ES256: 64 bytes). */
function forged(authorization: string): string {
  return authorization.replace(/[^.]+$/, randomBytes(64).toString('base64url'))
}
