import { formatSize } from './base/size.ts'
import { ConfigError, nowhere, type Problem, problem } from './config/problem.ts'
import type { Settings } from './config/settings.ts'
import type { Snapshot } from './policy/snapshot.ts'

/**
 * Checks that the node's settings provide everything that a policy requires.
 *
 * @throws {ConfigError} with all missing settings
 */
export function checkPolicyNeeds(settings: Settings, snapshot: Snapshot): void {
  const missing = [assertionKey, auditLog, loginStore, loginKey, messageLimit].flatMap(
    (need) => need(settings, snapshot) ?? [],
  )
  if (missing.length > 0) throw new ConfigError(missing)
}

type Need = (settings: Settings, snapshot: Snapshot) => Problem | undefined

const assertionKey: Need = ({ keys }, { routes }) => {
  const route = routes.find(({ credential }) => credential.needsKey === 'assertion')
  if (route === undefined || keys.assertion.length > 0) return undefined
  const { id } = route.service
  return keyMissing('assertion', `service ${id} requires identity assertions, but keys.assertion is empty`)
}

const auditLog: Need = ({ redis }, { routes }) => {
  const route = routes.find(({ audit }) => audit.whenFull === 'closed')
  if (route === undefined || redis !== undefined) return undefined
  const message = `route ${route.id} has audit: closed, but the audit log requires redis`
  return problem('GH_CONFIG_MISSING', message, ['redis'], nowhere, 'set redis.url, or remove `audit: closed`')
}

const loginStore: Need = ({ redis }, { loginIssuers: [rules] }) => {
  if (rules === undefined || redis !== undefined) return undefined
  const message = `issuer ${rules.name} has a login, but login sessions require redis`
  return problem('GH_CONFIG_MISSING', message, ['redis'], nowhere, 'set redis.url')
}

const loginKey: Need = ({ keys }, { loginIssuers: [rules] }) => {
  if (rules === undefined || keys.encryption.length > 0) return undefined
  return keyMissing('encryption', `issuer ${rules.name} has a login, but keys.encryption is empty`)
}

const messageLimit: Need = ({ streams: { maxMessageBytes } }, { routes }) => {
  const route = routes.find(({ websocket }) => (websocket?.maxMessageBytes ?? 0) > maxMessageBytes)
  if (route === undefined) return undefined
  const message =
    `route ${route.id} has websocket.max_message: ${formatSize(route.websocket!.maxMessageBytes!)}, above ` +
    `streams.max_message of the node, ${formatSize(maxMessageBytes)}`
  const hint = 'raise streams.max_message, or lower websocket.max_message of the route'
  return problem('GH_POLICY_WEBSOCKET', message, ['streams', 'max_message'], nowhere, hint)
}

function keyMissing(kind: 'assertion' | 'encryption', message: string): Problem {
  const hint = `generate a key with \`gatehouse keys generate ${kind}\` and add it to keys.${kind}`
  return problem('GH_CONFIG_KEY_MISSING', message, ['keys', kind], nowhere, hint)
}
