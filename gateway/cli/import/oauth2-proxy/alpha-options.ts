import { formatPath, type Place } from '../../../config/problem.ts'
import type { ImportNotes } from '../import-note.ts'
import { listOf, mappingOf, textOf } from '../plain-value.ts'
import type { ProxyOption } from './proxy-option.ts'

type Mapping = Readonly<Record<string, unknown>>
type Part = readonly (string | number)[]

/**
 * Top-level keys of an alpha config (YAML configuration file) of oauth2-proxy, as in the page "Alpha Configuration" of
 * its documentation.
 */
export const alphaKeys = [
  'upstreamConfig',
  'injectRequestHeaders',
  'injectResponseHeaders',
  'server',
  'metricsServer',
  'providers',
] as const

/**
 * Fields of a provider in an alpha config (YAML) of oauth2-proxy. The value is the option of the classic config file
 * with the same meaning.
 */
const providerFields: Readonly<Record<string, string>> = {
  clientID: 'client_id',
  clientSecret: 'client_secret',
  clientSecretFile: 'client_secret_file',
  provider: 'provider',
  name: 'provider_display_name',
  caFiles: 'provider_ca_files',
  useSystemTrustStore: 'use_system_trust_store',
  loginURL: 'login_url',
  authRequestResponseMode: 'auth_request_response_mode',
  redeemURL: 'redeem_url',
  profileURL: 'profile_url',
  skipClaimsFromProfileURL: 'skip_claims_from_profile_url',
  resource: 'resource',
  validateURL: 'validate_url',
  scope: 'scope',
  allowedGroups: 'allowed_groups',
  code_challenge_method: 'code_challenge_method',
  backendLogoutURL: 'backend_logout_url',
  'oidcConfig.issuerURL': 'oidc_issuer_url',
  'oidcConfig.insecureAllowUnverifiedEmail': 'insecure_oidc_allow_unverified_email',
  'oidcConfig.insecureSkipIssuerVerification': 'insecure_oidc_skip_issuer_verification',
  'oidcConfig.insecureSkipNonce': 'insecure_oidc_skip_nonce',
  'oidcConfig.skipDiscovery': 'skip_oidc_discovery',
  'oidcConfig.jwksURL': 'oidc_jwks_url',
  'oidcConfig.publicKeyFiles': 'oidc_public_key_files',
  'oidcConfig.emailClaim': 'oidc_email_claim',
  'oidcConfig.groupsClaim': 'oidc_groups_claim',
  'oidcConfig.userIDClaim': 'user_id_claim',
  'oidcConfig.audienceClaims': 'oidc_audience_claims',
  'oidcConfig.extraAudiences': 'oidc_extra_audiences',
  'oidcConfig.enabledSigningAlgs': 'oidc_enabled_signing_algs',
  'keycloakConfig.groups': 'allowed_groups',
  'keycloakConfig.roles': 'allowed_roles',
  'azureConfig.tenant': 'azure_tenant',
  'azureConfig.graphGroupField': 'azure_graph_group_field',
  'microsoftEntraIDConfig.allowedTenants': 'entra_id_allowed_tenants',
  'microsoftEntraIDConfig.federatedTokenAuth': 'entra_id_federated_token_auth',
  'ADFSConfig.skipScope': 'adfs_skip_scope',
  'bitbucketConfig.team': 'bitbucket_team',
  'bitbucketConfig.repository': 'bitbucket_repository',
  'githubConfig.org': 'github_org',
  'githubConfig.team': 'github_team',
  'githubConfig.repo': 'github_repo',
  'githubConfig.token': 'github_token',
  'githubConfig.users': 'github_users',
  'gitlabConfig.group': 'gitlab_groups',
  'gitlabConfig.projects': 'gitlab_projects',
  'googleConfig.group': 'google_groups',
  'googleConfig.adminEmail': 'google_admin_email',
  'googleConfig.serviceAccountJson': 'google_service_account_json',
  'googleConfig.useApplicationDefaultCredentials': 'google_use_application_default_credentials',
  'googleConfig.targetPrincipal': 'google_target_principal',
  'googleConfig.useOrganizationID': 'google_use_organization_id',
  'googleConfig.adminAPIUserScope': 'google_admin_api_user_scope',
  'loginGovConfig.jwtKey': 'jwt_key',
  'loginGovConfig.jwtKeyFile': 'jwt_key_file',
  'loginGovConfig.pubjwkURL': 'pubjwk_url',
}

/**
 * Fields of an upstream in an alpha config of oauth2-proxy. The value is the option of the classic config file that
 * sets the same for all upstreams.
 */
const upstreamFields: Readonly<Record<string, string>> = {
  insecureSkipTLSVerify: 'ssl_upstream_insecure_skip_verify',
  passHostHeader: 'pass_host_header',
  proxyWebSockets: 'proxy_websockets',
  timeout: 'upstream_timeout',
  flushInterval: 'flush_interval',
  disableKeepAlives: 'disable_keep_alives',
}
/** Fields of an upstream in an alpha config of oauth2-proxy that together become one option `alpha_upstream`. */
const placeFields = new Set(['id', 'path', 'uri', 'rewriteTarget', 'static', 'staticCode'])

/**
 * Fields of the listeners in an alpha config of oauth2-proxy. The value is the option of the classic config file with
 * the same meaning.
 */
const serverFields: Readonly<Record<string, string>> = {
  'server.bindAddress': 'http_address',
  'server.secureBindAddress': 'https_address',
  'server.tls.cert.fromFile': 'tls_cert_file',
  'server.tls.key.fromFile': 'tls_key_file',
  'server.tls.minVersion': 'tls_min_version',
  'server.tls.cipherSuites': 'tls_cipher_suites',
  'metricsServer.bindAddress': 'metrics_address',
  'metricsServer.secureBindAddress': 'metrics_secure_address',
}

/**
 * All convertible fields of an alpha config of oauth2-proxy, by path. The value is the option of the classic config
 * file with the same meaning.
 */
export const alphaFields: Readonly<Record<string, string>> = {
  ...serverFields,
  ...Object.fromEntries(
    Object.entries(upstreamFields).map(([name, key]) => [`upstreamConfig.upstreams[].${name}`, key]),
  ),
  ...Object.fromEntries(Object.entries(providerFields).map(([name, key]) => [`providers[0].${name}`, key])),
}

/**
 * Converts an alpha config into options of the classic config file. Adds a note for each part that has no such option.
 */
export function alphaOptions(document: Mapping, locate: (path: Part) => Place, notes: ImportNotes): ProxyOption[] {
  const options: ProxyOption[] = []
  const add = (key: string, value: unknown, path: Part) => {
    const values = [value].flat().map(String)
    const variable = /^\$\{?([A-Za-z_]\w*)\}?$/.exec(values[0] ?? '')?.[1]
    options.push({ key, values, place: locate(path), subject: formatPath(path), ...(variable && { variable }) })
  }
  const addFields = (value: unknown, path: Part, table: Mapping, known: ReadonlySet<string>) => {
    for (const [name, inner, at] of leavesOf(value, path)) {
      const key = textOf(table[name])
      if (key !== undefined) add(key, inner, at)
      else if (!known.has(name)) notes.add('no equivalent', at, 'the policy has no such field')
    }
  }
  const [provider, second] = listOf(document['providers'])
  addFields(provider, ['providers', 0], providerFields, new Set(['id']))
  if (second !== undefined) notes.add('no equivalent', ['providers', 1], 'only the first provider is imported')
  addFields({ server: document['server'], metricsServer: document['metricsServer'] }, [], serverFields, new Set())
  const upstreamConfig = mappingOf(document['upstreamConfig'])
  if (upstreamConfig?.['proxyRawPath'] === true) add('proxy_raw_path', true, ['upstreamConfig', 'proxyRawPath'])
  for (const [i, upstream] of listOf(upstreamConfig?.['upstreams']).entries()) {
    const path = ['upstreamConfig', 'upstreams', i]
    add('alpha_upstream', JSON.stringify(upstream), path)
    addFields(upstream, path, upstreamFields, placeFields)
  }
  for (const name of ['injectRequestHeaders', 'injectResponseHeaders'] as const) {
    for (const [i, header] of listOf(document[name]).entries()) {
      add(name === 'injectRequestHeaders' ? 'alpha_request_header' : 'alpha_response_header', headerText(header), [
        name,
        i,
      ])
    }
  }
  return options
}

/** Describes a header that an alpha config of oauth2-proxy injects as `NAME CLAIM`, or as `NAME secret`. */
function headerText(header: unknown): string {
  const { name, values } = mappingOf(header) ?? {}
  const source = mappingOf(mappingOf(listOf(values)[0])?.['claimSource']) ?? mappingOf(listOf(values)[0])
  return `${textOf(name) ?? ''} ${textOf(source?.['claim']) ?? 'secret'}`
}

/**
 * Lists the values in a mapping and in its nested mappings, each with its name (keys joined by dots) and its path. A
 * list counts as one value.
 */
function* leavesOf(value: unknown, path: Part, prefix = ''): Generator<readonly [string, unknown, Part]> {
  for (const [key, inner] of Object.entries(mappingOf(value) ?? {})) {
    if (inner === undefined || inner === null) continue
    const at = [...path, key]
    if (mappingOf(inner) === undefined) yield [prefix + key, inner, at]
    else yield* leavesOf(inner, at, `${prefix}${key}.`)
  }
}
