import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

interface Listed {
  readonly active: number
  readonly revisions: readonly {
    readonly number: number
    readonly author: string
    readonly message: string
    readonly time: string
    readonly hash: string
  }[]
}

/** `gatehouse revisions`: lists the revisions of the policy of the cluster. */
export const verb = defineVerb({
  description: 'List the revisions of the policy of the cluster, the newest first',
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse revisions', does: 'number, time, author and message' },
    { run: 'gatehouse revisions --output json', does: 'as JSON, with the complete hashes' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token, missing scope, or policy.source is file',
    ...adminUnreachable,
  },
  run: async ({ admin }, output) => {
    const { document } = await AdminClient.from(admin).call('GET', '/api/v1/policy/revisions', 'revisions')
    const { active, revisions } = document as unknown as Listed
    const rows = revisions.map(({ number, author, message, time, hash }) => [
      String(number),
      number === active ? 'active' : '-',
      time,
      author,
      hash.slice(0, 12),
      message || '-',
    ])
    output.table(['number', 'state', 'time', 'author', 'hash', 'message'], rows)
    output.document(document)
  },
})
