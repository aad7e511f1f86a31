import { formatDuration } from '../../base/duration.ts'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { defineVerb } from '../verb.ts'

interface ListedSecret {
  readonly name: string
  readonly source: string
  readonly used_by: string
  readonly changed_at: string
  readonly expires_at: string | null
  readonly problem: string | null
}

/** `gatehouse secrets list`: lists the secrets and keys of a node, without their values. */
export const verb = defineVerb({
  description: 'List the secrets of a node: name, source, age, use and expiry; never a value',
  flags: { admin: adminFlag },
  examples: [
    { run: 'gatehouse secrets list', does: 'of the node at GATEHOUSE_ADMIN_URL' },
    { run: 'gatehouse secrets list --output json', does: 'as JSON, with problems of rejected values' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'refused: invalid token or missing scope',
    ...adminUnreachable,
  },
  run: async ({ admin }, output) => {
    const { document } = await AdminClient.from(admin).call('GET', '/api/v1/secrets', 'secrets')
    const { secrets } = document as { secrets: readonly ListedSecret[] }
    const rows = secrets.map(({ name, source, used_by, changed_at, expires_at, problem }) => [
      name,
      source,
      ageOf(changed_at),
      used_by,
      expires_at ?? '-',
      problem ?? '-',
    ])
    output.table(['name', 'source', 'age', 'used by', 'expires', 'problem'], rows)
    output.document(document)
  },
})

/** Formats the age of a secret, the time since `changedAt`, in its largest unit, such as `3d`. */
function ageOf(changedAt: string): string {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(changedAt)) / 1000))
  const unit = [86_400, 3600, 60].find((each) => seconds >= each) ?? 1
  return formatDuration(Math.floor(seconds / unit) * unit * 1000)
}
