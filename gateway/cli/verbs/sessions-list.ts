import { z } from 'zod'
import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { CliError, exitCodes } from '../output.ts'
import { selectedSessions, sessionFlags } from '../session-selection.ts'
import { defineVerb, flag } from '../verb.ts'

interface Session {
  readonly session: string
  readonly subject: string
  readonly device: { readonly id: string; readonly address: string; readonly user_agent: string }
  readonly hosts?: readonly string[]
  readonly created_at: string
  readonly used_at: string
  readonly ends_at: string
}

interface Page {
  readonly sessions: readonly Session[]
  /** Absent, as `next` is, in the reply of a node of an older version. */
  readonly total?: number
  readonly next?: string | null
}

/** `gatehouse sessions list`: lists login sessions. */
export const verb = defineVerb({
  description: 'List all login sessions page by page, those of a person or a device, or a single session',
  flags: {
    ...sessionFlags,
    issuer: z.string().optional().register(flag, {
      value: 'issuer',
      help: 'all sessions at this issuer; with --subject, the issuer of the subject, required if the policy has several issuers',
    }),
    limit: z
      .string()
      .regex(/^([1-9][0-9]?|[1-4][0-9]{2}|500)$/, 'Expected a number from 1 to 500.')
      .optional()
      .register(flag, {
        value: 'n',
        help: 'largest number of sessions in a page of all sessions, at most 500 (default: 100)',
      }),
    after: z.string().optional().register(flag, {
      value: 'next',
      help: 'the next page of all sessions, as the previous page prints it',
    }),
    admin: adminFlag,
  },
  examples: [
    {
      run: 'gatehouse sessions list --issuer main',
      does: 'the first page of all sessions at an issuer, and their number',
    },
    { run: 'gatehouse sessions list --subject alice --issuer main', does: 'sessions of a person' },
  ],
  exitCodes: { [exitCodes.invalid]: 'refused', ...adminUnreachable },
  run: async (given, output) => {
    const query = queryOf(given)
    const { document } = await AdminClient.from(given.admin).call('GET', `/api/v1/sessions?${query}`, 'sessions')
    const { sessions, total, next } = document as unknown as Page
    const rows = sessions.map(({ session, subject, device, hosts, ...at }) => [
      session,
      subject,
      device.id,
      device.address,
      at.created_at,
      at.used_at,
      at.ends_at,
      hosts?.join(' ') ?? 'all',
      device.user_agent,
    ])
    output.table(['session', 'subject', 'device', 'address', 'created', 'used', 'ends', 'hosts', 'browser'], rows)
    if (total !== undefined && !isSelected(given)) {
      output.line('')
      output.line(`${sessions.length} of ${total} sessions are listed.`)
    }
    if (next != null) output.line(`The next page: gatehouse sessions list ${pageWords(given)}--after ${next}`)
    output.document(document)
  },
})

interface Given {
  readonly session?: string | undefined
  readonly device?: string | undefined
  readonly subject?: string | undefined
  readonly issuer?: string | undefined
  readonly admin?: string | undefined
  readonly limit?: string | undefined
  readonly after?: string | undefined
}

function isSelected({ session, device, subject }: Given): boolean {
  return session !== undefined || device !== undefined || subject !== undefined
}

function queryOf(given: Given): URLSearchParams {
  const { session, device, subject, issuer, limit, after } = given
  if (!isSelected(given)) {
    return new URLSearchParams({
      ...(issuer !== undefined && { issuer }),
      ...(limit !== undefined && { limit }),
      ...(after !== undefined && { after }),
    })
  }
  if (limit === undefined && after === undefined)
    return new URLSearchParams(selectedSessions({ session, device, subject, issuer }, 'list'))
  const message = '--limit and --after page through all sessions: give no --session, --device or --subject with them'
  throw new CliError(exitCodes.usage, 'GH_USAGE', message, 'gatehouse sessions list --help lists the flags')
}

/** Returns the flags of this page of the session list that the next page needs too, quoted for a shell. */
function pageWords({ admin, issuer, limit }: Given): string {
  const words = Object.entries({ admin, issuer, limit })
  return words.map(([name, value]) => (value === undefined ? '' : `--${name} ${shellWord(value)} `)).join('')
}

function shellWord(text: string): string {
  return /^[\w.:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
