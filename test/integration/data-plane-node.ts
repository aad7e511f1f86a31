import { readFileSync } from 'node:fs'
import { startNode, startNodeProcess } from '../kit/node.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import type { TestNode } from '../kit/test-node.ts'

interface PublicService {
  readonly upstreams: readonly (string | { readonly url: string; readonly weight: number })[]
  /** Overrides keys of the service in the policy. */
  readonly entry?: Readonly<Record<string, unknown>>
  /** Overrides keys of the only route of the service. */
  readonly route?: Readonly<Record<string, unknown>>
}

/**
 * Returns a policy without an issuer, for tests of the transport: each service is public below `/<its id>` and gets no
 * credential.
 */
export function publicPolicy(services: Readonly<Record<string, PublicService>>): object {
  const entries = Object.entries(services).map(([id, { upstreams, entry, route }]) => [
    id,
    {
      upstreams,
      credentials: 'none',
      routes: [{ id, match: { path: `/${id}/**` }, require: 'public', ...route }],
      ...entry,
    },
  ])
  return { version: 1, services: Object.fromEntries(entries) }
}

/** Starts a node with one public service, `s`. */
export function startPublicNode(
  upstreams: readonly string[],
  entry: Readonly<Record<string, unknown>> = {},
  settings: Readonly<Record<string, unknown>> = {},
): Promise<TestNode> {
  return startNode({ policy: publicPolicy({ s: { upstreams, entry } }), settings })
}

/** Starts a node like `startPublicNode`, with its own process. */
export function startPublicProcess(
  upstreams: readonly string[],
  entry: Readonly<Record<string, unknown>> = {},
  settings: Readonly<Record<string, unknown>> = {},
): Promise<NodeProcess> {
  return startNodeProcess({ policy: publicPolicy({ s: { upstreams, entry } }), settings })
}

/** Resident memory of the node, MiB. */
export function residentMiB(node: NodeProcess): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}
