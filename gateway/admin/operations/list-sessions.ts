import { z } from 'zod'
import type { SessionListing } from '../../sessions/session.ts'
import { issuerName, type SessionCursor } from '../../sessions/session-index.ts'
import { ApiProblem } from '../api-problem.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { operation } from '../operation.ts'
import { issuerOf, selectorOf, selectorShape, sessionsOf } from '../session-selector.ts'

const LIMIT_DEFAULT = 100
/**
 * Maximum number of sessions in one page. Each session costs one Redis command, so the limit bounds the commands of a
 * call.
 */
const LIMIT_MAX = 500
const cursorForm = /^([0-9a-f]{32})-([0-9]{1,15})-([0-9a-f]{32})$/

const time = z.string().describe('Time of the login (RFC 3339).')

const session = z.strictObject({
  session: z.string().describe('Id of the session. No session cookie can be derived from the id.'),
  issuer: z.string().describe('Identifier of the issuer at which the user logged in.'),
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
  used_at: time.describe('Time of the last use of the session, accurate to a tenth of the idle time-out (RFC 3339).'),
  ends_at: time.describe(
    'Latest end of the session by the active policy (RFC 3339); without a refresh token, the expiry of its access token.',
  ),
})

const pageShape = {
  issuer: selectorShape.issuer.describe(
    'Name of the issuer in the policy, or its identifier. Without another parameter: all sessions at this issuer. Required with `subject` when the policy has several issuers.',
  ),
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,2}$/, { error: 'must be a number from 1 to 500' })
    .refine((text) => Number(text) <= LIMIT_MAX, { error: `must be at most ${LIMIT_MAX}` })
    .optional()
    .describe('Largest number of sessions in a page of all sessions. Default 100, at most 500.'),
  after: z
    .string()
    .regex(cursorForm, { error: 'must be `next` of the previous page' })
    .optional()
    .describe('`next` of the previous page of all sessions.'),
} as const

const page = z.strictObject({
  sessions: z.array(session),
  total: z
    .int()
    .describe(
      'Number of sessions on all pages. Of all sessions, those that were created or used since the upgrade to a version with this list, until their idle time-out.',
    ),
  next: z.string().nullable().describe('Value of `after` for the next page; `null` after the last page.'),
})

export const listSessions = operation({
  id: 'list_sessions',
  method: 'GET',
  path: '/api/v1/sessions',
  summary: 'List all login sessions, those of a person or a device, or a single session',
  description:
    'Lists the sessions of the whole cluster. With `session`, `device` or `subject`: all that match, newest first. Without: ' +
    'pages of all sessions, by issuer and by the end of their idle time-out. A session that is used meanwhile can be on ' +
    'two pages, and a page can have fewer sessions than `limit`; the last page has `next: null`. A session from before ' +
    'the upgrade to a version with this list is in it after its next use. The list contains no secret that gives access ' +
    'to a session.',
  scope: 'gatehouse:sessions',
  query: z.strictObject({ ...selectorShape, ...pageShape }),
  replies: { 200: { description: 'The login sessions.', schema: page } },
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
      total: 1,
      next: null,
    },
  },
  run: async ({ query: { limit, after, ...selected }, dependencies }) => {
    const { session, device, subject, issuer } = selected
    const sessions = sessionsOf(dependencies)
    if (session === undefined && device === undefined && subject === undefined) {
      const issuers = issuersOf(issuer, dependencies)
      const { next, ...found } = await sessions.listAll(
        issuers,
        Number(limit ?? LIMIT_DEFAULT),
        cursorOf(after, issuers),
      )
      return { status: 200, document: { ...found, sessions: found.sessions.map(shownOf), next: textOf(next) } }
    }
    if (limit !== undefined || after !== undefined)
      throw new ApiProblem('invalid_request', '`limit` and `after` are allowed only in a list of all sessions')
    const listed = await sessions.list(selectorOf(selected, dependencies))
    return { status: 200, document: { sessions: listed.map(shownOf), total: listed.length, next: null } }
  },
})

/** Returns the issuer identifiers (`iss`) of the named issuer, or of all issuers of the policy with a login. */
function issuersOf(named: string | undefined, { node }: AdminDependencies): string[] {
  if (named !== undefined) return [issuerOf(named, node)]
  const all = [...node.snapshot.issuers.values()]
  return all.filter(({ login }) => login !== undefined).map(({ issuer }) => issuer)
}

function cursorOf(text: string | undefined, issuers: readonly string[]): SessionCursor | undefined {
  const [, name, endMs, id] = cursorForm.exec(text ?? '') ?? []
  if (name === undefined) return undefined
  if (issuers.some((issuer) => issuerName(issuer) === name)) return { issuer: name, endMs: Number(endMs), id: id! }
  throw new ApiProblem('invalid_request', '`after` is `next` of a page of other issuers', {
    hint: 'give the same `issuer` as for the previous page; after a change of the policy, begin again without `after`',
  })
}

function textOf(next: SessionCursor | undefined): string | null {
  return next === undefined ? null : `${next.issuer}-${next.endMs}-${next.id}`
}

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
