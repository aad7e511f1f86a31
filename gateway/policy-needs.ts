import { ConfigError, nowhere, type Problem, problem } from './config/problem.ts'
import type { Settings } from './config/settings.ts'
import type { Snapshot } from './policy/snapshot.ts'

/**
 * Checks that the node's settings provide everything that a policy requires.
 *
 * @throws {ConfigError} with all missing settings
 */
export function checkPolicyNeeds(settings: Settings, snapshot: Snapshot): void {
  const missing = [assertionKey, auditLog, loginPlace, loginKey].flatMap((need) => need(settings, snapshot) ?? [])
  if (missing.length > 0) throw new ConfigError(missing)
}

type Need = (settings: Settings, snapshot: Snapshot) => Problem | undefined

const assertionKey: Need = ({ keys }, { services }) => {
  const wanting = services.find(({ credentials }) => credentials === 'assertion')
  if (wanting === undefined || keys.assertion.length > 0) return undefined
  return keyMissing('assertion', `service ${wanting.id} wants identity assertions, and there is no key to sign them`)
}

const auditLog: Need = ({ redis }, { routes }) => {
  const wanting = routes.find(({ audit }) => audit.whenFull === 'closed')
  if (wanting === undefined || redis !== undefined) return undefined
  const message = `route ${wanting.id} says audit: closed, and without redis there is no audit log`
  return problem('GH_CONFIG_MISSING', message, ['redis'], nowhere, 'set redis.url, or take `audit: closed` out')
}

const loginPlace: Need = ({ redis }, { loginIssuers: [rules] }) => {
  if (rules === undefined || redis !== undefined) return undefined
  const message = `${sessionsOf(rules)}: there is no Redis`
  return problem('GH_CONFIG_MISSING', message, ['redis'], nowhere, 'set redis.url')
}

const loginKey: Need = ({ keys }, { loginIssuers: [rules] }) => {
  if (rules === undefined || keys.encryption.length > 0) return undefined
  return keyMissing('encryption', `${sessionsOf(rules)}: there is no key to seal them`)
}

const sessionsOf = ({ name }: { readonly name: string }): string =>
  `browsers log in at issuer ${name}, and sessions are kept in Redis, sealed`

function keyMissing(kind: 'assertion' | 'encryption', message: string): Problem {
  const hint = `make one with \`gatehouse keys generate ${kind}\`, and name it under keys.${kind}`
  return problem('GH_CONFIG_KEY_MISSING', message, ['keys', kind], nowhere, hint)
}
