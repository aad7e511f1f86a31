import { AdminClient, adminFlag, adminUnreachable } from '../admin-client.ts'
import { exitCodes } from '../output.ts'
import { selectedSessions, sessionFlags } from '../session-selection.ts'
import { defineVerb } from '../verb.ts'

interface Session {
  readonly session: string
  readonly subject: string
  readonly device: { readonly id: string; readonly address: string; readonly user_agent: string }
  readonly hosts?: readonly string[]
  readonly created_at: string
  readonly used_at: string
  readonly ends_at: string
}

/** `gatehouse sessions list`: lists login sessions. */
export const verb = defineVerb({
  description: 'List the login sessions of a person or a device, or a single session',
  flags: { ...sessionFlags, admin: adminFlag },
  examples: [
    { run: 'gatehouse sessions list --subject alice --issuer main', does: 'sessions of a person' },
    { run: 'gatehouse sessions list --device 5b0c…', does: 'sessions of one device (person and User-Agent)' },
  ],
  exitCodes: { [exitCodes.invalid]: 'refused', ...adminUnreachable },
  run: async (given, output) => {
    const query = new URLSearchParams(selectedSessions(given, 'list'))
    const { document } = await AdminClient.from(given.admin).call('GET', `/api/v1/sessions?${query}`, 'sessions')
    const { sessions } = document as unknown as { sessions: readonly Session[] }
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
    output.document(document)
  },
})
