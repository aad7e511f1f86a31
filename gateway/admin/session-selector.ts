import { z } from 'zod'
import type { SessionSelector } from '../sessions/session.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { ApiProblem } from './api-problem.ts'
import type { AdminDependencies } from './dependencies.ts'
import { requireRedis } from './require-redis.ts'

const id = z.string().regex(/^[0-9a-f]{32}$/, { error: 'must be 32 hexadecimal digits' })

/**
 * Schemas of the parameters that select login sessions: exactly one of `session`, `device` and `subject`. `issuer` is
 * allowed only with `subject`.
 */
export const selectorShape = {
  session: id.optional().describe('Id of one session.'),
  device: id.optional().describe('Id of a device: all sessions of one person in one browser.'),
  subject: z.string().min(1).max(1024).optional().describe('Subject: all sessions of one person.'),
  issuer: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe(
      'Only with `subject`: name of the issuer in the policy, or its identifier. Required when the policy has several issuers.',
    ),
} as const

interface Given {
  readonly session?: string | undefined
  readonly device?: string | undefined
  readonly subject?: string | undefined
  readonly issuer?: string | undefined
}

/**
 * Returns the selector of login sessions that a caller gave.
 *
 * @throws {ApiProblem} unless exactly one of session, device and subject is given; also when the issuer is unknown,
 *   missing, or given without a subject
 */
export function selectorOf({ session, device, subject, issuer }: Given, { node }: AdminDependencies): SessionSelector {
  const named = [session, device, subject].filter((each) => each !== undefined)
  if (named.length !== 1)
    throw new ApiProblem('invalid_request', 'expected exactly one of `session`, `device` and `subject`')
  if (subject !== undefined) return { subject, issuer: issuerOf(issuer, node) }
  if (issuer !== undefined) throw new ApiProblem('invalid_request', '`issuer` is allowed only together with `subject`')
  return session === undefined ? { device: device! } : { session }
}

/**
 * Returns the service for the login sessions of this node.
 *
 * @throws {ApiProblem} 409 when the node has no Redis or no encryption key
 */
export function sessionsOf(dependencies: AdminDependencies): Pick<Sessions, 'list' | 'listAll' | 'end'> {
  const { sessions } = requireRedis(dependencies)
  if (sessions !== undefined) return sessions
  throw new ApiProblem('sessions_unavailable', 'this node has no key to encrypt sessions', {
    hint: 'set keys.encryption in the settings of every node',
  })
}

/**
 * Returns the identifier of an issuer of the policy.
 *
 * @param named  name or identifier of the issuer; `undefined`: the only issuer
 * @throws {ApiProblem} when the policy has no such issuer, or has several issuers and `named` is `undefined`
 */
export function issuerOf(named: string | undefined, { snapshot }: AdminDependencies['node']): string {
  const all = [...snapshot.issuers.values()]
  const names = all.map(({ name }) => name).join(', ')
  if (named === undefined) {
    if (all.length === 1) return all[0]!.issuer
    throw new ApiProblem(
      'revocation_issuer_needed',
      '`issuer` is required because the policy has several issuers: the same subject at two issuers is two people',
      {
        hint: `known: ${names}`,
      },
    )
  }
  const found = all.find(({ name, issuer }) => name === named || issuer === named)
  if (found !== undefined) return found.issuer
  throw new ApiProblem('revocation_issuer_unknown', 'the policy has no issuer with this name or identifier', {
    hint: `known: ${names}`,
  })
}
