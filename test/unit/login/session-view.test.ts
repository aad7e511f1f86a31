import { expect, test } from 'vitest'
import { sessionView } from '../../../gateway/login/session-view.ts'
import type { Session } from '../../../gateway/sessions/session.ts'

const session = {
  subject: 'alice',
  claims: {},
  tokens: { refreshToken: 'r' },
  createdAtS: 1000,
  endsAtS: 4600,
} as unknown as Session
const loginOf = (absoluteMs: number) => ({ sessionClaims: [], lifetime: { idleMs: absoluteMs, absoluteMs } })

test.each([
  ['as stored at its login if the policy now allows longer sessions', 7_200_000, '1970-01-01T01:16:40.000Z'],
  ['by the current policy if the policy allows only shorter sessions', 1_800_000, '1970-01-01T00:46:40.000Z'],
])(
  'the session view (reply with the data of the current session) shows the end of a session %s',
  (_, absoluteMs, expiresAt) => {
    const { body } = sessionView(session, loginOf(absoluteMs), {}, 'https://api.test')
    expect(JSON.parse(String(body))).toMatchObject({ expires_at: expiresAt })
  },
)

test('the session view shows the expiry of the access token as the end of a session without a refresh token', () => {
  const short = { ...session, tokens: { ...session.tokens, refreshToken: undefined, accessExpiresAtS: 1300 } }

  const { body } = sessionView(short, loginOf(3_600_000), {}, 'https://api.test')

  expect(JSON.parse(String(body))).toMatchObject({ expires_at: '1970-01-01T00:21:40.000Z' })
})
