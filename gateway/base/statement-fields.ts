/**
 * Request fields in which a gate or proxy makes statements about the client or the request. The gate removes these
 * fields from every request, in every spelling, except fields that `services.NAME.pass_headers` names. No other file
 * lists such fields.
 */

/**
 * Request fields that ask a service to use another method or target than the method and target that the gate
 * authorized.
 */
export const steeringFields = ['x-rewrite-url', 'x-http-method-override', 'x-http-method', 'x-method-override'] as const

/**
 * Request fields that no setting can pass to a service: the gate sets such a field itself, or the field would override
 * the gate's decision on method and path.
 */
const fixedFields = ['forwarded', 'x-original-url', 'x-original-method', ...steeringFields] as const

/** Request fields that `services.NAME.pass_headers` is allowed to name: statements that only other products make. */
const passableFields = [
  // Fields that state the address of the client.
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
  // Fields that state scheme, host and target of the request.
  'x-original-uri',
  'x-original-host',
  'x-host',
  'x-scheme',
  'x-url-scheme',
  'front-end-https',
  // Fields that state the user.
  'remote-user',
  'remote-groups',
  'remote-email',
  'remote-name',
  'x-remote-user',
  'x-remote-group',
  'x-webauth-user',
  'x-goog-iap-jwt-assertion',
] as const

/**
 * Prefixes of request fields that the gate removes from every request. No setting can pass a client's field with such a
 * prefix to a service.
 */
const fixedPrefixes = ['x-gatehouse-', 'x-auth-request-', 'x-forwarded-', 'proxy-', 'client-cert'] as const

/**
 * Prefixes of identity fields of other products. `services.NAME.pass_headers` is allowed to name single fields with
 * these prefixes.
 */
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

/** Fields with a fixed prefix in which services behind other proxies expect the user. */
const forwardedIdentity = /^x-(?:forwarded|auth-request)-(?:user|email|groups|preferred-username)$/
const user = /^(?:x-)?remote-(?:users?|groups?|email|name)$/

/**
 * Whether `services.NAME.auth_request_headers` is allowed to name the field although the gate removes it from every
 * request.
 *
 * @param name  name of the field in lower case
 */
export function isIdentityField(name: string): boolean {
  return forwardedIdentity.test(name) || user.test(name) || identityPrefixes.some((prefix) => name.startsWith(prefix))
}

const passablePrefixes = ['x-envoy-', ...identityPrefixes] as const

export const statementFields = [...fixedFields, ...passableFields] as const

export const statementPrefixes = [...fixedPrefixes, ...passablePrefixes] as const

const passable: ReadonlySet<string> = new Set(passableFields)

/**
 * Whether `services.NAME.pass_headers` is allowed to name the field.
 *
 * @param name  name of the field in lower case
 */
export function isPassable(name: string): boolean {
  return passable.has(name) || passablePrefixes.some((prefix) => name.startsWith(prefix))
}
