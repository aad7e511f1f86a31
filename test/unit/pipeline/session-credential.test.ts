import { expect, test } from 'vitest'
import { isAcceptedSession } from '../../../gateway/pipeline/identity/session-credential.ts'
import type { Snapshot } from '../../../gateway/policy/snapshot.ts'
import type { Session } from '../../../gateway/sessions/session.ts'

const now = 1_800_000_000
const session = { issuer: 'https://idp.test', createdAtS: now - 3600, endsAtS: now + 3600 } as Session
const policyOf = (issuer: string, login: object | undefined) =>
  ({ issuers: new Map([[issuer, { login }]]) }) as unknown as Snapshot
const lasting = (absoluteMs: number) => ({ lifetime: { absoluteMs } })

test.each([
  ['accepted while it is younger than the maximum lifetime', policyOf('https://idp.test', lasting(3_600_001)), true],
  ['rejected at the maximum lifetime', policyOf('https://idp.test', lasting(3_600_000)), false],
  ['rejected if the policy has only another issuer', policyOf('https://other.test', lasting(86_400_000)), false],
  ['rejected if its issuer has no login any more', policyOf('https://idp.test', undefined), false],
])('when the policy has changed since the login, the login session is %s', (_, policy, counts) => {
  expect(isAcceptedSession(policy, session, now * 1000)).toBe(counts)
})
