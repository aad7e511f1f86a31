/**
 * Request fields by which a gate or proxy makes statements about the client or the request. The gate removes them from
 * every request, under every spelling. This file is the only list.
 */

/** Fields that ask a service for another method or target than the one that the gate decided about. */
export const steeringFields = ['x-rewrite-url', 'x-http-method-override', 'x-http-method', 'x-method-override'] as const

/** No setting lets these pass: this gate states them, or they would undo its decision about method and path. */
const fixedFields = ['forwarded', 'x-original-url', 'x-original-method', ...steeringFields] as const

/** `services.NAME.pass_headers` may name these: statements of other products, which this gate does not make. */
const passableFields = [
  // Address of the client
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-proxyuser-ip',
  'x-original-forwarded-for',
  'x-azure-clientip',
  'x-azure-socketip',
  'client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'wl-proxy-client-ip',
  // Scheme, host and target
  'x-original-uri',
  'x-original-host',
  'x-host',
  'x-scheme',
  'x-url-scheme',
  'front-end-https',
  // User
  'remote-user',
  'remote-groups',
  'remote-email',
  'remote-name',
  'x-remote-user',
  'x-remote-group',
  'x-webauth-user',
  'x-goog-iap-jwt-assertion',
] as const

/** Every name with one of these prefixes is removed too. No setting lets them pass. */
const fixedPrefixes = ['x-gatehouse-', 'x-auth-request-', 'x-forwarded-', 'proxy-', 'client-cert'] as const

/** Prefixes of identities that other products state. `services.NAME.pass_headers` may name single fields of them. */
export const identityPrefixes = [
  'ssl-client-',
  'x-ssl-',
  'x-amzn-oidc-',
  'x-amzn-mtls-',
  'x-goog-authenticated-user-',
  'x-ms-client-principal',
  'x-pomerium-',
  'x-consumer-',
  'x-webauth-',
  'x-authentik-',
  'x-remote-extra-',
  'cf-access-',
  'wl-proxy-',
] as const

const passablePrefixes = ['x-envoy-', ...identityPrefixes] as const

export const statementFields = [...fixedFields, ...passableFields] as const

export const statementPrefixes = [...fixedPrefixes, ...passablePrefixes] as const

const passable: ReadonlySet<string> = new Set(passableFields)

/** Whether `services.NAME.pass_headers` may name the field. @param name  in lower case */
export function isPassable(name: string): boolean {
  return passable.has(name) || passablePrefixes.some((prefix) => name.startsWith(prefix))
}
