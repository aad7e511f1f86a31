import { z } from 'zod'
import type { SessionListing } from '../../sessions/session.ts'
import { operation } from '../operation.ts'
import { selectorOf, selectorShape, sessionsOf } from '../session-selector.ts'

const time = z.string().describe('RFC 3339.')

const session = z.strictObject({
  session: z.string().describe('Its id, which no cookie can be made from.'),
  issuer: z.string().describe('Identifier of the issuer.'),
  subject: z.string(),
  device: z.strictObject({
    id: z.string().describe('The same for all logins of one person with one browser.'),
    address: z.string().describe('From which the login came.'),
    user_agent: z.string().describe('As the browser said it.'),
  }),
  created_at: time,
  used_at: time.describe('Noted in steps of a tenth of the idle time.'),
  ends_at: time.describe('At the latest, by the policy in force.'),
})

export const listSessions = operation({
  id: 'list_sessions',
  method: 'GET',
  path: '/api/v1/sessions',
  summary: 'Login sessions of a person, of a browser, or one',
  description: 'Of the whole cluster, the newest first. Nothing in the list opens a session.',
  scope: 'gatehouse:sessions',
  query: z.strictObject(selectorShape),
  replies: { 200: { description: 'The sessions.', schema: z.strictObject({ sessions: z.array(session) }) } },
  problems: [
    'revocation_issuer_unknown',
    'revocation_issuer_needed',
    'cluster_unavailable',
    'sessions_unavailable',
    'unavailable',
  ],
  run: async ({ query, dependencies }) => {
    const listed = await sessionsOf(dependencies).list(selectorOf(query, dependencies))
    return { status: 200, document: { sessions: listed.map(shownOf) } }
  },
})

function shownOf({ id, issuer, subject, device, createdAtS, usedAtS, endsAtS }: SessionListing): object {
  return {
    session: id,
    issuer,
    subject,
    device: { id: device.id, address: device.address, user_agent: device.userAgent },
    created_at: timeOf(createdAtS),
    used_at: timeOf(usedAtS),
    ends_at: timeOf(endsAtS),
  }
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
