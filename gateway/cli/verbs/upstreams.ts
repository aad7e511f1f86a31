import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

interface ListedUpstream {
  readonly service: string
  readonly upstream: string
  readonly address: string | null
  readonly weight: number
  readonly state: string
  readonly calls: number
  readonly connections: number
  readonly check: string | null
}

interface ListedDrain {
  readonly service: string
  readonly upstream: string
  readonly until: string | null
}

/** `gatehouse upstreams`: lists the upstreams as one node sees them, and the drains of the cluster. */
export const verb = defineVerb({
  description: 'List the upstreams with their states on one node, and the drains of the cluster',
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse upstreams', does: 'as the node at GATEHOUSE_ADMIN_URL sees them' },
    { run: 'gatehouse upstreams --admin http://10.0.0.7:9090 --output json', does: 'through another node, as JSON' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, or missing scope',
    ...adminUnreachable,
  },
  run: async ({ admin }, output) => {
    const { document } = await AdminClient.from(admin).call('GET', '/api/v1/upstreams', 'upstreams')
    const { upstreams, drains } = document as unknown as {
      readonly upstreams: readonly ListedUpstream[]
      readonly drains: readonly ListedDrain[]
    }
    const ends = new Map(drains.map(({ service, upstream, until }) => [`${service} ${upstream}`, until ?? 'no end']))
    const rows = upstreams.map(({ service, upstream, address, weight, state, calls, connections, check }) => {
      const end = ends.get(`${service} ${upstream}`) ?? '-'
      const counts = [`${weight}`, state, `${calls}`, `${connections}`]
      return [service, upstream, address ?? '-', ...counts, check ?? '-', end]
    })
    output.table(
      ['service', 'upstream', 'address', 'weight', 'state', 'calls', 'connections', 'check', 'drained until'],
      rows,
    )
    for (const { service, upstream } of upstreams) ends.delete(`${service} ${upstream}`)
    for (const [name, end] of ends) output.line(`Drained, but not in the policy: ${name} (until: ${end}).`)
    output.document(document)
  },
})
