import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

interface Key {
  readonly kind: string
  readonly id: string
  readonly held_by: readonly string[]
  readonly lacking: readonly string[]
  readonly written_by: readonly string[]
  readonly needed_until: string | null
}

/**
 * `gatehouse keys list`: lists the keys of the cluster: which nodes and workers have each key, and which use it to sign
 * or encrypt.
 */
export const verb = defineVerb({
  description: 'List the keys of the cluster: which nodes and workers have each key, and which write with it',
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse keys list', does: 'before and after a rotation' },
    { run: 'gatehouse keys list --output json', does: 'as JSON, with the time since which a key is published' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, or a node without a cluster',
    ...adminUnreachable,
  },
  run: async ({ admin }, output) => {
    const { document } = await AdminClient.from(admin).call('GET', '/api/v1/keys', 'keys')
    const { keys } = document as { keys: readonly Key[] }
    const rows = keys.map((key) => [
      key.kind,
      key.id,
      key.held_by.join(', '),
      key.lacking.join(', ') || '-',
      key.written_by.join(', ') || '-',
      key.needed_until ?? '-',
    ])
    output.table(['kind', 'id', 'held by', 'lacking', 'written by', 'needed until'], rows)
    output.document(document)
  },
})
