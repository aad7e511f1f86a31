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
  ['its issuer is there, and it is younger than any may be', policyOf('https://idp.test', lasting(3_600_001)), true],
  ['it is as old as any may be', policyOf('https://idp.test', lasting(3_600_000)), false],
  ['the policy has another issuer', policyOf('https://other.test', lasting(86_400_000)), false],
  ['nobody logs in at its issuer any more', policyOf('https://idp.test', undefined), false],
])('a session is accepted or not under a policy where %s', (_, policy, counts) => {
  expect(isAcceptedSession(policy, session, now * 1000)).toBe(counts)
})
