import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

interface Member {
  readonly id: string
  readonly address: string
  readonly version: string
  readonly revision: string
  readonly policy_number: number | null
  /** Absent in the reply of a node of an older version. */
  readonly policy_canary?: boolean
  readonly position: string
  readonly lag_ms: number
  /** Absent in the reply of a node of an older version. */
  readonly heard_ms?: number | null
}

/**
 * `gatehouse nodes`: lists the nodes of the cluster, how far each has applied the cluster's events, and when
 * each last renewed its lease.
 */
export const verb = defineVerb({
  description: 'List the nodes of the cluster',
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse nodes', does: 'through the node at GATEHOUSE_ADMIN_URL' },
    { run: 'gatehouse nodes --admin http://10.0.0.7:9090 --output json', does: 'through another node, as JSON' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, or a node without a cluster',
    ...adminUnreachable,
  },
  run: async ({ admin }, output) => {
    const { document } = await AdminClient.from(admin).call('GET', '/api/v1/nodes', 'nodes')
    const { nodes } = document as { nodes: readonly Member[] }
    const rows = nodes.map((node) => [
      node.id,
      node.address,
      node.version,
      revisionOf(node),
      node.position || '-',
      `${Math.round(node.lag_ms)} ms`,
      heardOf(node),
    ])
    output.table(['id', 'address', 'version', 'revision', 'position', 'lag', 'heard'], rows)
    output.document(document)
  },
})

function revisionOf({ revision, policy_number, policy_canary }: Member): string {
  if (policy_number === null) return revision
  return `${policy_number} (${revision}${policy_canary === true ? ', canary' : ''})`
}

function heardOf({ heard_ms }: Member): string {
  return heard_ms == null ? '-' : `${(heard_ms / 1000).toFixed(1)} s ago`
}
