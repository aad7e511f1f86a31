import { z } from 'zod'
import type { SessionListing } from '../../sessions/session.ts'
import { operation } from '../operation.ts'
import { selectorOf, selectorShape, sessionsOf } from '../session-selector.ts'

const time = z.string().describe('Time (RFC 3339).')

const session = z.strictObject({
  session: z.string().describe('Id of the session. No session cookie can be derived from the id.'),
  issuer: z.string().describe('Identifier of the issuer.'),
  subject: z.string(),
  device: z.strictObject({
    id: z.string().describe('Id of the device: the same for all logins of one person in one browser.'),
    address: z.string().describe('IP address of the client at login.'),
    user_agent: z.string().describe('`User-Agent` of the browser at login.'),
  }),
  hosts: z
    .array(z.string())
    .optional()
    .describe('Origins of the hosts that use a session of `login.host`. Absent: the session is valid at every host.'),
  created_at: time,
  used_at: time.describe('Time of the last use, accurate to a tenth of the idle time-out (RFC 3339).'),
  ends_at: time.describe(
    'Latest end of the session by the active policy (RFC 3339); without a refresh token, the expiry of its access token.',
  ),
})

export const listSessions = operation({
  id: 'list_sessions',
  method: 'GET',
  path: '/api/v1/sessions',
  summary: 'List login sessions of a person or a device, or a single session',
  description:
    'Lists the sessions of the whole cluster, newest first. The list contains no secret that gives access to a session.',
  scope: 'gatehouse:sessions',
  query: z.strictObject(selectorShape),
  replies: { 200: { description: 'The login sessions.', schema: z.strictObject({ sessions: z.array(session) }) } },
  problems: [
    'revocation_issuer_unknown',
    'revocation_issuer_needed',
    'cluster_unavailable',
    'sessions_unavailable',
    'unavailable',
  ],
  example: {
    query: { subject: 'alice' },
    reply: {
      sessions: [
        {
          session: '0123456789abcdef0123456789abcdef',
          issuer: 'https://idp.example',
          subject: 'alice',
          device: {
            id: 'fedcba9876543210fedcba9876543210',
            address: '192.0.2.7',
            user_agent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0',
          },
          created_at: '2030-01-31T08:00:00.000Z',
          used_at: '2030-01-31T11:57:00.000Z',
          ends_at: '2030-01-31T20:00:00.000Z',
        },
      ],
    },
  },
  run: async ({ query, dependencies }) => {
    const listed = await sessionsOf(dependencies).list(selectorOf(query, dependencies))
    return { status: 200, document: { sessions: listed.map(shownOf) } }
  },
})

function shownOf({ id, issuer, subject, device, origins, createdAtS, usedAtS, endsAtS }: SessionListing): object {
  return {
    session: id,
    issuer,
    subject,
    device: { id: device.id, address: device.address, user_agent: device.userAgent },
    ...(origins && { hosts: origins }),
    created_at: timeOf(createdAtS),
    used_at: timeOf(usedAtS),
    ends_at: timeOf(endsAtS),
  }
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
