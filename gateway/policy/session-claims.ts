import type { RouteLimits } from '../base/limit-rule.ts'
import { loginEventClaims } from '../oauth/identity-claims.ts'
import type { ServicePolicy } from './snapshot.ts'

/**
 * Returns the names of the claims about the user of a session that a route uses: in its requirement, its limits, the
 * roles of its service and the fields that the service receives. Claims about the login, such as `auth_time`, are
 * omitted, because they do not change.
 *
 * @param named  paths of the claims that the requirement names
 */
export function sessionClaimsOf(
  { roles, identityFields }: ServicePolicy,
  named: readonly (readonly string[])[],
  limits: RouteLimits | undefined,
): readonly string[] {
  const limited = (limits?.rules ?? []).flatMap(({ by }) =>
    by.flatMap((part) => (typeof part === 'object' ? [part.claim] : [])),
  )
  const forwarded = identityFields.flatMap(({ path }) => (path === undefined ? [] : [path]))
  const paths = [...named, ...roles.map(({ path }) => path), ...forwarded, ...limited]
  return [...new Set(paths.map(([name]) => name!))].filter((name) => !loginEventClaims.has(name))
}
