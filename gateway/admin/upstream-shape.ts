import { z } from 'zod'
import { readOrigin } from '../config/web-url.ts'
import { endText, type NamedUpstream } from '../drains/drains.ts'
import { ApiProblem } from './api-problem.ts'
import type { NodeView } from './dependencies.ts'

/** Members of a request body that name upstreams to drain. */
export const upstreamSelector = {
  upstream: z.string().min(1).max(2048).describe('Origin of the upstream, such as http://orders-1:8080.'),
  service: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe('Only the upstream of this service. Default: of every service that has the upstream.'),
}

/** Address of an upstream in a reply. */
export const upstreamAddressShape = z
  .string()
  .nullable()
  .describe(
    'Address to which the name of the upstream resolves. Null when the URL has an address, and while each connection ' +
      'looks the name up: before the first lookup, after failed lookups, and until a connection shows whether IPv4 or ' +
      'IPv6 works.',
  )

export const drainShape = z.strictObject({
  service: z.string(),
  upstream: z.string(),
  until: z.string().nullable().describe('Time at which the drain ends (RFC 3339); null when the drain has no end.'),
})

export const drainOutcome = {
  upstreams: z
    .array(z.strictObject({ service: z.string(), upstream: z.string() }))
    .describe('Upstreams whose drain the call changed.'),
  acknowledged: z.array(z.string()).describe('Nodes that have applied the change of the drain.'),
  missing: z
    .array(z.string())
    .describe(
      'Nodes that have not applied the change within 2 s. Each applies it when it has contact to Redis again; a node of ' +
        'an older version does not.',
    ),
}

/** Problem codes of the calls that drain upstreams and end drains. */
export const drainProblems = ['upstream_unknown', 'drains_full', 'cluster_unavailable', 'unavailable'] as const

/** Example of the reply to a call that drains upstreams or ends drains. */
export const drainedExample = {
  upstreams: [{ service: 'orders', upstream: 'http://orders-1:8080' }],
  acknowledged: ['node-a', 'node-b'],
  missing: [],
}

export function drainsFull(): ApiProblem {
  return new ApiProblem('drains_full', 'the cluster has the maximum number of drains', {
    hint: 'end drains that are no longer needed, or try again tomorrow',
  })
}

export function shapedDrain({ service, origin, untilMs }: NamedUpstream & { readonly untilMs: number }) {
  return { service, upstream: origin, until: endText(untilMs) }
}

/**
 * Returns the upstreams of the policy that an admin API call names.
 *
 * @throws {ApiProblem} when the policy of the node has no such upstream
 */
export function namedUpstreams(
  { upstream, service }: { readonly upstream: string; readonly service?: string | undefined },
  { snapshot }: Pick<NodeView, 'snapshot'>,
): NamedUpstream[] {
  const url = readOrigin(upstream)
  const origin = url instanceof URL ? url.origin : upstream
  const all = snapshot.services
    .filter(({ id }) => service === undefined || id === service)
    .flatMap(({ id, upstreams }) => upstreams.map((each) => ({ service: id, origin: each.origin })))
  const named = all.filter((each) => each.origin === origin)
  if (named.length > 0) return named
  const known = [...new Set(all.map((each) => each.origin))]
  const where = service === undefined ? 'the policy' : `service ${service}`
  throw new ApiProblem('upstream_unknown', `${where} has no upstream ${upstream}`, {
    hint:
      known.length === 0
        ? `name a service of the policy: ${some(snapshot.services.map(({ id }) => id))}`
        : `name one of its upstreams: ${some(known)}`,
  })
}

/** Maximum number of service or upstream names that an error lists. */
const NAMES_MAX = 20

function some(names: readonly string[]): string {
  return names.length > NAMES_MAX ? `${names.slice(0, NAMES_MAX).join(', ')}, …` : names.join(', ')
}
