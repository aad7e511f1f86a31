import { forwardedMethods } from '../../../base/methods.ts'
import { durationFromGo } from './go-duration.ts'
import {
  decided,
  ifOff,
  ifOn,
  mapped,
  noEquivalent,
  notNeeded,
  type OptionRule,
  type OptionTold,
  secretOf,
} from './option-rule.ts'
import { claimIsOneOf, type ProxyDraft } from './proxy-draft.ts'
import { readEmailDomains, readEmailFile } from './proxy-emails.ts'
import { readCookieDomains, readReturnDomains } from './proxy-hosts.ts'
import { firstValue, isOn, type ProxyOption } from './proxy-option.ts'
import { importRedisCluster, importRedisPassword, importRedisSentinels, importRedisUrl } from './proxy-redis.ts'
import { addAlphaUpstream, addUpstreams } from './proxy-upstream.ts'
import { readUserFields } from './proxy-user-fields.ts'
import { secureUrl } from './secure-url.ts'
import { skipPattern } from './skip-pattern.ts'

const maxSessionMs = 30 * 86_400_000

/** Sets one key in a part of the draft of the imported policy or settings. */
function put(part: Record<string, unknown>, key: string, value: unknown): void {
  part[key] = value
}

const logging = notNeeded('the gate writes one JSON line per request; settings: log')
const discovery = notNeeded('the gate reads the endpoints from the metadata of the issuer')
const cookie = notNeeded('sessions are in Redis; the browser has one opaque cookie with fixed attributes')
const verifies = ifOn(noEquivalent('the gate always verifies this'))
const googleGroups = noEquivalent('the gate does not call the Google Admin API: groups must be in a claim')
const redisMode = notNeeded('the addresses of the servers select the mode')
const ownCa = noEquivalent('set NODE_EXTRA_CA_CERTS of the node to the file')

/**
 * Returns a rule that imports groups. A user needs one of all imported groups and roles.
 *
 * @param claim  returns the name of the claim that contains the groups
 */
const groupsIn =
  (claim: (draft: ProxyDraft) => string, todo?: string): OptionRule =>
  ({ values }, draft) => {
    draft.groups.push(claimIsOneOf(claim(draft), values))
    return todo === undefined ? ['mapped', `a requirement on the claim ${claim(draft)}`] : ['decide', todo]
  }

const groupsClaim = (draft: ProxyDraft) => draft.value('oidc_groups_claim', 'groups')
const asGroups = 'the issuer must state this membership in the claim groups, as Dex does; otherwise no user is admitted'

/** Returns a rule that imports a membership which oauth2-proxy requires in addition to all other conditions. */
const memberOf =
  (
    claim: (draft: ProxyDraft) => string,
    todo: string,
    names = (option: ProxyOption, _: ProxyDraft) => option.values,
  ): OptionRule =>
  (option, draft) => {
    draft.conditions.push(claimIsOneOf(claim(draft), names(option, draft)))
    return ['decide', todo]
  }

/** Returns teams of GitHub in the form `org:team`, in which the issuer Dex sends them. */
function teamsOf({ values }: ProxyOption, draft: ProxyDraft): string[] {
  const org = draft.value('github_org', '')
  const teams = values.flatMap((text) => text.split(',')).map((team) => team.trim())
  return teams.map((team) => (team.includes(':') ? team : `${org}:${team}`))
}

function readRoles({ values }: ProxyOption, draft: ProxyDraft): OptionTold {
  for (const role of values) {
    const [client, name] = role.split(':')
    if (name === undefined) draft.groups.push(claimIsOneOf('realm_access.roles', [role]))
    else draft.groups.push({ claims: [{ claim: ['resource_access', client, 'roles'], any: [name] }] })
  }
  return ['mapped', 'requirements on the claims realm_access.roles and resource_access']
}

function readSkipRoutes({ values }: ProxyOption, draft: ProxyDraft): OptionTold {
  const told: string[] = []
  const lost: string[] = []
  for (const entry of values) {
    const [, method, negated, expression] = /^(?:([A-Z]+)(?=!?=))?(?:(!)?=)?(.*)$/.exec(entry) ?? []
    const pattern = negated === undefined ? skipPattern(expression ?? '') : undefined
    const methods =
      method === undefined ? undefined : [method].filter((each) => forwardedMethods.some((one) => one === each))
    if (pattern === undefined || methods?.length === 0) {
      lost.push(entry)
      continue
    }
    draft.publicPaths.push({ ...pattern, methods })
    if (pattern.narrower) told.push(entry)
  }
  if (lost.length > 0)
    return [
      'no equivalent',
      `a login is required for ${lost.join(' ')}: add routes with require: public for whole segments`,
    ]
  if (told.length > 0)
    return [
      'decide',
      `the gate matches whole segments from the start of the path, so fewer paths are public than by ${told.join(' ')}`,
    ]
  return ['mapped', 'routes with require: public']
}

function readScope(value: string, draft: ProxyDraft): void {
  draft.login['scopes'] = [...new Set(['openid', ...value.split(/\s+/).filter(Boolean)])]
}

function readExtraIssuers({ values }: ProxyOption, draft: ProxyDraft): OptionTold {
  for (const pair of values) {
    const at = pair.lastIndexOf('=')
    const issuer = secureUrl(pair.slice(0, at))
    if (at > 0 && issuer !== undefined) draft.otherIssuers.push({ issuer, audience: pair.slice(at + 1) })
  }
  return ['mapped', 'further issuers']
}

function readCookieExpire(value: string, draft: ProxyDraft): void {
  const absolute = durationFromGo(value, 60_000, maxSessionMs)
  if (absolute !== undefined) draft.login['session'] = { idle: absolute, absolute }
}

function readRedirect(option: ProxyOption, draft: ProxyDraft): OptionTold {
  const url = secureUrl(firstValue(option))
  if (url === undefined) return ['no equivalent', 'must be a complete URL: set public_url of the settings']
  const { origin } = new URL(url)
  draft.settings['public_url'] ??= origin
  return [
    'decide',
    `register ${origin}/.gatehouse/callback and ${origin}/oauth2/callback as redirect URIs at the issuer, and ${origin}/.gatehouse/logout as post-logout redirect URI`,
  ]
}

function readAddress(option: ProxyOption, draft: ProxyDraft): OptionTold {
  const address = firstValue(option).replace(/^https?:\/\//, '')
  if (!/^(?:\[[0-9a-fA-F:.]+\]|[\w.-]*):\d+$/.test(address))
    return ['no equivalent', 'the gate listens on TCP: set listen of the settings']
  draft.settings['listen'] = address
  return ['mapped', 'settings: listen']
}

/** Imports the logo of the sign-in page of oauth2-proxy: a file, a URL, or `-` for no logo. */
function readLogo(option: ProxyOption, draft: ProxyDraft): OptionTold {
  const file = firstValue(option)
  if (file === '-' || file === '') return ['not needed', 'the pages of the gate have no logo by default']
  if (/^https?:/.test(file))
    return ['no equivalent', 'store the image in a file, and name it under pages.logo of the settings']
  put(draft.settings, 'pages', { logo: file })
  return ['decide', 'settings: pages.logo: PNG, JPEG, WebP, or SVG without scripts, at most 64KiB']
}

/**
 * Imports an option by which oauth2-proxy adds fields about the user to its replies to a proxy that asks for decisions.
 */
function readReplyFields(_: ProxyOption, draft: ProxyDraft): OptionTold {
  if (draft.asksOnly) return ['mapped', 'services: auth_request_headers']
  return [
    'decide',
    'checks reply with the fields in auth_request_headers: set it to true if a proxy reads X-Auth-Request-* (docs/guide/forward-auth.md)',
  ]
}

function readTls({ values: [cert = ''] }: ProxyOption, draft: ProxyDraft): OptionTold {
  const key = draft.option('tls_key_file')
  if (key === undefined) return ['no equivalent', 'a certificate needs its key: set tls.certificates of the settings']
  draft.settings['tls'] = { certificates: [{ cert, key: { file: firstValue(key) } }] }
  return ['mapped', 'settings: tls.certificates']
}

/**
 * Import rules for the options of oauth2-proxy 7.15, by subject and then by their name in a config file (see
 * docs/docs/configuration in the repository of oauth2-proxy).
 */
export const optionSections: Readonly<Record<string, Readonly<Record<string, OptionRule>>>> = {
  Provider: {
    acr_values: decided(
      'every route requires one of these classes; oauth2-proxy only asks for them',
      (value, draft) => void draft.conditions.push({ acr: value.split(/\s+/) }),
    ),
    allowed_groups: groupsIn(groupsClaim),
    allowed_roles: readRoles,
    approval_prompt: notNeeded(
      'login.prompt has its purpose; at Google it is consent, so that Google grants a refresh token',
    ),
    auth_request_response_mode: notNeeded('the reply of a login is always in the query'),
    backend_logout_url: notNeeded('a logout at the gate goes to the logout of the issuer (docs/guide/login.md)'),
    client_id: mapped('issuers.main.login.client_id', (value, draft) => put(draft.login, 'client_id', value)),
    client_secret: decided(
      'the secret is not copied: store it in the named file or variable, mode 0600',
      (_, draft, option) => put(draft.login, 'client_secret', secretOf(option, 'client-secret')),
    ),
    client_secret_file: mapped('issuers.main.login.client_secret', (file, draft) =>
      put(draft.login, 'client_secret', { file }),
    ),
    code_challenge_method: notNeeded('the gate always uses PKCE with S256'),
    insecure_oidc_allow_unverified_email: notNeeded('then no requirement on email_verified is added'),
    insecure_oidc_skip_issuer_verification: ifOn(
      noEquivalent('the issuer of a token must be equal to issuers.main.issuer: state the tenant'),
    ),
    insecure_oidc_skip_nonce: notNeeded('the gate always verifies the nonce'),
    jwt_key: decided('the key is not copied: store it in the file', (_, draft, option) =>
      put(draft.login, 'private_key', secretOf(option, 'client-key')),
    ),
    jwt_key_file: mapped('issuers.main.login.private_key', (file, draft) => put(draft.login, 'private_key', { file })),
    login_url: discovery,
    oidc_audience_claims: noEquivalent('the audience is read from aud, or for ID tokens also from azp'),
    oidc_email_claim: notNeeded('read together with email_domains, authenticated_emails_file and pass_user_headers'),
    oidc_enabled_signing_algs: mapped('issuers.main.algorithms', (_, draft, { values }) =>
      put(draft.issuer, 'algorithms', values),
    ),
    oidc_extra_audiences: mapped(
      'issuers.main.audience',
      (_, draft, { values }) => void draft.audiences.push(...values),
    ),
    oidc_groups_claim: notNeeded('read together with allowed_groups and pass_user_headers'),
    oidc_issuer_url: (option) =>
      secureUrl(firstValue(option)) === firstValue(option)
        ? ['mapped', 'issuers.main.issuer']
        : ['decide', 'the issuer must have an https URL, or http on loopback'],
    oidc_jwks_url: mapped('issuers.main.jwks_uri', (url, draft) =>
      put(draft.issuer, 'jwks_uri', secureUrl(url) ?? url),
    ),
    oidc_public_key_files: noEquivalent('the gate reads the keys of the issuer from its key set'),
    profile_url: noEquivalent(
      'the UserInfo endpoint is that of the metadata, and is asked only for claims older than login.claims_max_age: at the login claims must be in the ID token or access token',
    ),
    prompt: (option, draft) => {
      const value = firstValue(option)
      if (!/^(?:login|consent|select_account)$/.test(value))
        return ['no equivalent', 'login.prompt is login, consent or select_account']
      draft.login['prompt'] = value
      return ['mapped', 'issuers.main.login.prompt']
    },
    provider: mapped('issuers.main', () => {}),
    provider_ca_files: ownCa,
    provider_display_name: notNeeded('browsers go to the issuer without a page in between'),
    pubjwk_url: discovery,
    redeem_url: discovery,
    resource: mapped('issuers.main.login.resource', (value, draft) => put(draft.login, 'resource', value)),
    scope: mapped('issuers.main.login.scopes', readScope),
    skip_claims_from_profile_url: notNeeded('UserInfo is asked only for claims older than login.claims_max_age'),
    skip_oidc_discovery: ifOn(noEquivalent('the issuer must serve its metadata (OpenID Connect Discovery)')),
    use_system_trust_store: notNeeded('Node.js and NODE_EXTRA_CA_CERTS decide'),
    user_id_claim: notNeeded(
      'the user is the claim sub; auth_request_headers.claims.user of a service states another claim',
    ),
    validate_url: discovery,
  },
  'Single providers': {
    adfs_skip_scope: notNeeded('login.scopes has exactly the stated scopes'),
    azure_graph_group_field: noEquivalent('the gate does not call Microsoft Graph: groups must be in the claim groups'),
    azure_tenant: mapped('issuers.main.issuer', () => {}),
    bitbucket_repository: memberOf(groupsClaim, asGroups),
    bitbucket_team: memberOf(groupsClaim, asGroups),
    entra_id_allowed_tenants: memberOf(
      () => 'tid',
      'each tenant is a separate issuer: add one entry under issuers for each tenant',
    ),
    entra_id_federated_token_auth: ifOn(noEquivalent('set login.private_key or login.client_secret')),
    github_org: memberOf(groupsClaim, asGroups),
    github_repo: memberOf(groupsClaim, asGroups),
    github_team: memberOf(groupsClaim, asGroups, teamsOf),
    github_token: notNeeded('the gate does not call the GitHub API'),
    github_users: memberOf(
      () => 'preferred_username',
      'the issuer must state the user name in preferred_username; the users must also be members of the stated organization',
    ),
    gitlab_groups: groupsIn(
      () => 'groups_direct',
      'GitLab states groups of which the user is a direct member in groups_direct',
    ),
    gitlab_projects: groupsIn(
      () => 'groups_direct',
      'projects are in no claim of GitLab: name groups instead; until then a project admits no user',
    ),
    google_admin_api_user_scope: googleGroups,
    google_admin_email: googleGroups,
    google_groups: groupsIn(
      groupsClaim,
      'Google states no groups in tokens: until an issuer states them in the claim groups, no user is admitted',
    ),
    google_service_account_json: googleGroups,
    google_target_principal: googleGroups,
    google_use_application_default_credentials: googleGroups,
    google_use_organization_id: googleGroups,
  },
  'Admission of users': {
    authenticated_emails_file: readEmailFile,
    email_domains: readEmailDomains,
    htpasswd_file: noEquivalent(
      'the gate has no passwords: let the issuer know these users (Dex has a list in its configuration, staticPasswords), or use accept: [basic] for programs',
    ),
    htpasswd_user_groups: noEquivalent('the gate has no passwords'),
    display_htpasswd_form: notNeeded('the gate has no passwords'),
    skip_auth_preflight: ifOn((_, draft) => {
      draft.publicPaths.push({ patterns: ['/**'], base: undefined, methods: ['OPTIONS'] })
      return [
        'decide',
        'OPTIONS is public on every path; with `cors` of the service the gate answers preflights itself',
      ]
    }),
    skip_auth_regex: readSkipRoutes,
    skip_auth_routes: readSkipRoutes,
    skip_jwt_bearer_tokens: ifOn((_, draft) => {
      draft.acceptsTokens = true
      return ['decide', 'tokens must be JWT access tokens (RFC 9068) with an accepted aud; ID tokens are rejected']
    }),
    bearer_token_login_fallback: notNeeded('an invalid token always gets 401'),
    extra_jwt_issuers: readExtraIssuers,
    trusted_ips: noEquivalent(
      'a login is required from every address: add routes with `addresses` and require: public',
    ),
    api_routes: notNeeded('only navigations of browsers are sent to the login; other requests get 401'),
    force_json_errors: notNeeded('programs get problem documents (RFC 9457)'),
  },
  'Cookies and sessions': {
    cookie_csrf_expire: cookie,
    cookie_csrf_per_request: cookie,
    cookie_csrf_per_request_limit: cookie,
    cookie_csrf_samesite: cookie,
    cookie_domains: readCookieDomains,
    cookie_expire: decided(
      'issuers.main.login.session: a session outlives its access token only with a refresh token, for which most issuers need offline_access in login.scopes (docs/guide/login.md)',
      readCookieExpire,
    ),
    cookie_httponly: cookie,
    cookie_name: cookie,
    cookie_path: cookie,
    cookie_refresh: notNeeded('the gate refreshes tokens before they expire'),
    cookie_samesite: cookie,
    cookie_secret: notNeeded('keys.encryption has its purpose: gatehouse keys generate encryption'),
    cookie_secret_file: notNeeded('keys.encryption has its purpose: gatehouse keys generate encryption'),
    cookie_secure: notNeeded('the cookie is Secure unless public_url is http on loopback'),
    session_cookie_minimal: cookie,
    session_store_type: notNeeded('sessions are always in Redis: without one, start a Redis beside the gate'),
    redis_ca_path: mapped('settings: redis.tls.ca', (ca, draft) => put(draft.redis, 'tls', { ca })),
    redis_cluster_connection_urls: importRedisCluster,
    redis_connection_idle_timeout: notNeeded('the gate keeps its connections alive'),
    redis_connection_url: importRedisUrl,
    redis_insecure_skip_tls_verify: verifies,
    redis_password: importRedisPassword,
    redis_sentinel_connection_urls: importRedisSentinels,
    redis_sentinel_master_name: mapped('settings: redis.sentinel.master', () => {}),
    redis_sentinel_password: noEquivalent('set redis.sentinel.password of the settings to a file or variable'),
    redis_use_cluster: redisMode,
    redis_use_sentinel: redisMode,
  },
  'Fields for services': {
    basic_auth_password: noEquivalent('services get a signed assertion, or a secret by credentials of type basic'),
    pass_access_token: ifOn(
      noEquivalent('services get a signed assertion. credentials: token forwards the access token in Authorization'),
    ),
    pass_authorization_header: ifOn(noEquivalent('services get a signed assertion instead of the ID token')),
    pass_basic_auth: ifOn(noEquivalent('services get a signed assertion instead of Basic')),
    pass_user_headers: ifOn(mapped('services: auth_request_headers', () => {})),
    prefer_email_to_user: ifOn(mapped('services: auth_request_headers.claims.user', () => {})),
    set_authorization_header: ifOn(noEquivalent('a check replies with a signed assertion instead of the ID token')),
    set_basic_auth: ifOn(noEquivalent('a check replies with a signed assertion instead of Basic')),
    // The gate replies to a check with the same fields that services get: X-Forwarded-* if oauth2-proxy itself
    // forwarded the requests.
    set_xauthrequest: ifOn(readReplyFields),
    signature_key: noEquivalent(
      'the signed assertion replaces GAP-Signature: verify it in the service (docs/guide/howto/assertion.md)',
    ),
    skip_auth_strip_headers: ifOff(noEquivalent('the gate always removes fields that state an identity')),
    alpha_request_header: readUserFields,
    alpha_response_header: readReplyFields,
  },
  Upstreams: {
    alpha_upstream: ({ values }, draft) => {
      const told = values.map((json) => addAlphaUpstream(json, draft))
      return told.find(([outcome]) => outcome !== 'mapped') ?? told[0]!
    },
    disable_keep_alives: ifOn(noEquivalent('the gate keeps connections to upstreams')),
    flush_interval: notNeeded('the gate forwards each part of a reply at once'),
    pass_host_header: ifOff(mapped('services: host: upstream', (_, draft) => put(draft.service, 'host', 'upstream'))),
    proxy_raw_path: decided('paths with %2F are forwarded escaped (encoded_slashes: keep)', (_, draft) =>
      put(draft.service, 'encoded_slashes', 'keep'),
    ),
    proxy_websockets: (option, draft) => {
      draft.websockets = isOn(option)
      return ['mapped', 'websocket of the routes']
    },
    ssl_upstream_insecure_skip_verify: ifOn(
      noEquivalent('the gate always verifies certificates: set upstream_tls.ca of the service'),
    ),
    upstream_timeout: mapped('services: timeouts.first_byte', (value, draft) => {
      const first_byte = durationFromGo(value, 10, 3_600_000)
      if (first_byte !== undefined) draft.service['timeouts'] = { first_byte }
    }),
    upstreams: ({ values }, draft) => addUpstreams(values, draft),
  },
  'Listeners and proxies': {
    allow_query_semicolons: notNeeded('the gate forwards queries unchanged'),
    encode_state: notNeeded('state is encrypted'),
    force_https: noEquivalent('redirect from http to https in the balancer'),
    gcp_healthchecks: noEquivalent('use /livez and /readyz of probes.listen'),
    http_address: readAddress,
    https_address: (option, draft) =>
      draft.option('tls_cert_file') === undefined
        ? ['not needed', 'there is no certificate']
        : readAddress(option, draft),
    metrics_address: mapped('settings: probes.listen', (value, draft) =>
      put(draft.settings, 'probes', { listen: value.replace(/^http:\/\//, '') }),
    ),
    metrics_secure_address: noEquivalent('probes.listen is plain HTTP: bind it to a private address'),
    metrics_tls_cert_file: noEquivalent('probes.listen is plain HTTP'),
    metrics_tls_key_file: noEquivalent('probes.listen is plain HTTP'),
    ping_path: noEquivalent('use /livez of probes.listen'),
    ping_user_agent: noEquivalent('use /livez of probes.listen'),
    proxy_prefix: noEquivalent('the paths are /.gatehouse and, for compatibility, /oauth2'),
    ready_path: noEquivalent('use /readyz of probes.listen'),
    real_client_ip_header: (option) =>
      /^x-forwarded-for$/i.test(firstValue(option))
        ? ['mapped', 'settings: client_address']
        : ['no equivalent', 'client_address is x-forwarded-for or forwarded'],
    redirect_url: readRedirect,
    relative_redirect_url: ifOn(noEquivalent('public_url is required')),
    request_id_header: notNeeded('the gate writes X-Request-Id'),
    reverse_proxy: ifOn((_, draft) => {
      if (draft.option('trusted_proxy_ips') !== undefined) return ['mapped', 'settings: proxies']
      return [
        'decide',
        'settings: list the addresses of the proxies in front under proxies, and under check.peers if they ask the gate (forward-auth); no other peer is trusted about the client',
      ]
    }),
    ssl_insecure_skip_verify: verifies,
    tls_cert_file: readTls,
    tls_cipher_suites: noEquivalent('the gate has a fixed list of cipher suites'),
    tls_key_file: mapped('settings: tls.certificates', () => {}),
    tls_min_version: notNeeded('TLS 1.2 is the lowest version'),
    trusted_proxy_ips: mapped('settings: proxies', (_, draft, { values }) => put(draft.settings, 'proxies', values)),
    whitelist_domains: readReturnDomains,
  },
  'Pages and logs': {
    banner: noEquivalent('settings: pages.product has the name of the site; it is text, not HTML'),
    custom_sign_in_logo: readLogo,
    custom_templates_dir: noEquivalent('settings: pages.css changes the style of the pages; their texts are fixed'),
    footer: noEquivalent('settings: pages.support has the contact below each page; it is text or a link, not HTML'),
    show_debug_on_error: notNeeded('error pages have the id of the request; the log has the reason'),
    skip_provider_button: notNeeded('browsers go to the issuer without a page in between'),
    auth_logging: logging,
    auth_logging_format: logging,
    errors_to_info_log: logging,
    exclude_logging_paths: noEquivalent('every request is logged; log.access: false turns the access log off'),
    logging_compress: logging,
    logging_filename: logging,
    logging_local_time: logging,
    logging_max_age: logging,
    logging_max_backups: logging,
    logging_max_size: logging,
    request_logging: logging,
    request_logging_format: logging,
    silence_ping_logging: logging,
    standard_logging: logging,
    standard_logging_format: logging,
  },
  'The command itself': {
    config: notNeeded('name the file as an argument too'),
    alpha_config: notNeeded('name the file as an argument too'),
    config_test: notNeeded('gatehouse check does this'),
    version: notNeeded('no option of a running proxy'),
  },
}

/** Import rules for all options of oauth2-proxy, by their name in a config file. */
export const proxyOptions: Readonly<Record<string, OptionRule>> = Object.assign({}, ...Object.values(optionSections))
