import { didYouMean } from './base/nearest.ts'
import { formatSize } from './base/size.ts'
import type { SettingKeys } from './config/key-rings.ts'
import { ConfigError, nowhere, type Problem, problem } from './config/problem.ts'
import type { Settings } from './config/settings.ts'
import { PublicUrls } from './pipeline/exchange/public-urls.ts'
import type { CertificateCondition, Snapshot } from './policy/snapshot.ts'
import { caIssuer, type NamedCa, spiffeIssuer } from './x509/certificate-identity.ts'
import { trustDomainOf } from './x509/spiffe-id.ts'

/** Settings that a policy can need. The keys are those in force, which a reload can change. */
interface NeededSettings extends Omit<Settings, 'keys'> {
  readonly keys: SettingKeys
}

/**
 * Checks that the node's settings provide everything that a policy requires.
 *
 * @throws {ConfigError} with all missing settings
 */
export function checkPolicyNeeds(settings: NeededSettings, snapshot: Snapshot): void {
  const missing = [
    assertionKey,
    credentialKey,
    introspectionKey,
    auditLog,
    loginStore,
    loginKey,
    loginUrls,
    messageLimit,
    clientCas,
  ].flatMap((need) => need(settings, snapshot) ?? [])
  if (missing.length > 0) throw new ConfigError(missing)
}

type Need = (settings: NeededSettings, snapshot: Snapshot) => Problem | undefined

const assertionKey: Need = ({ keys }, { routes }) => {
  const route = routes.find(({ credential }) => credential.needsKey === 'assertion')
  if (route === undefined || keys.assertion.length > 0) return undefined
  const { id } = route.service
  return keyMissing('assertion', `service ${id} requires identity assertions, but keys.assertion is empty`)
}

const credentialKey: Need = ({ keys, redis }, { routes }) => {
  const route = routes.find(({ credential }) => credential.needsKey === 'encryption')
  if (route === undefined || redis === undefined || keys.encryption.length > 0) return undefined
  const { credential, service } = route
  const message = `tokens for service ${service.id} (${credential.type}) are stored encrypted in Redis, but keys.encryption is empty`
  return keyMissing('encryption', message)
}

const introspectionKey: Need = ({ keys, redis }, { issuers }) => {
  const asked = [...issuers.values()].find(({ introspection }) => introspection !== undefined)
  if (asked === undefined || redis === undefined || keys.encryption.length > 0) return undefined
  const message = `introspection responses of issuer ${asked.name} are stored encrypted in Redis, but keys.encryption is empty`
  return keyMissing('encryption', message)
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

const loginUrls: Need = ({ publicUrls }, { loginIssuers, loginHosts }) => {
  for (const { name, issuer, login } of loginIssuers) {
    if (login?.host === undefined) continue
    const urls = new PublicUrls(publicUrls)
    const missing = [login.host, ...loginHosts.get(issuer)!].find((host) => urls.forName(host) === undefined)
    if (missing === undefined) continue
    const message = `must list the host ${missing}: issuer ${name} uses it in login.host or login.return_to`
    return problem('GH_CONFIG_MISSING', message, ['public_url'], nowhere, `add https://${missing} to public_url`)
  }
  return undefined
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

const clientCas: Need = ({ clientTls }, { routes }) => {
  for (const { id, namedCertificates } of routes) {
    for (const condition of namedCertificates) {
      const unmet = caProblem(condition, clientTls?.files.cas)
      if (unmet === undefined) continue
      return problem('GH_CONFIG_MISSING', `route ${id} ${unmet.message}`, ['tls', 'client'], nowhere, unmet.hint)
    }
  }
  return undefined
}

/**
 * Compares a condition on client certificates with the CAs of the node. Returns `undefined` when a certificate can
 * match.
 */
function caProblem(
  { issuer, spiffe, names }: CertificateCondition,
  cas: readonly NamedCa[] | undefined,
): { readonly message: string; readonly hint: string } | undefined {
  if (cas === undefined) {
    return { message: 'requires a client certificate, but tls.client is not set', hint: 'set tls.client.ca' }
  }
  const domains = cas.flatMap(({ trustDomain }) => trustDomain ?? [])
  const issuers = [...cas.map(({ name }) => caIssuer(name)), ...domains.map(spiffeIssuer)]
  if (issuer !== undefined && !issuers.includes(issuer)) {
    const message = `requires a certificate of issuer ${issuer}, which tls.client.ca does not have`
    return { message, hint: didYouMean(issuer, issuers) ?? `known: ${issuers.join(', ')}` }
  }
  const foreign = [...(spiffe ?? [])].find((id) => !domains.includes(trustDomainOf(id)!))
  if (foreign !== undefined) {
    const message = `requires the SPIFFE ID ${foreign}, but no CA in tls.client.ca has its trust domain`
    return { message, hint: `set trust_domain: ${trustDomainOf(foreign)} on the CA that issues the ID` }
  }
  if (names === undefined || issuer !== undefined || cas.length === 1) return undefined
  const message = 'requires a subject alternative name, but names no issuer, and tls.client.ca has several CAs'
  return { message, hint: `set issuer of this certificate requirement to one of ${issuers.join(', ')}` }
}

function keyMissing(kind: 'assertion' | 'encryption', message: string): Problem {
  const hint = `generate a key with \`gatehouse keys generate ${kind}\` and add it to keys.${kind}`
  return problem('GH_CONFIG_KEY_MISSING', message, ['keys', kind], nowhere, hint)
}
