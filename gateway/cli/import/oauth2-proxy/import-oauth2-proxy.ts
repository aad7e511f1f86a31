import { CliError, exitCodes } from '../../output.ts'
import { type ImportedPolicy, type ImportNote, ImportNotes } from '../import-note.ts'
import { claimIsOneOf, ProxyDraft } from './proxy-draft.ts'
import { googleIssuer, proxyIssuer } from './proxy-issuer.ts'
import { firstValue, isOn, type ProxyOption } from './proxy-option.ts'
import { proxyOptions } from './proxy-options.ts'
import { importedRedis } from './proxy-redis.ts'
import { proxyServices } from './proxy-routes.ts'
import { addUpstreams } from './proxy-upstream.ts'
import { userFields } from './proxy-user-fields.ts'
import { type ProxyFile, readProxyOptions } from './read-proxy-options.ts'

/** A policy that was made from files of oauth2-proxy, and settings for gatehouse.yaml. */
export interface ImportedProxy extends ImportedPolicy {
  readonly settings: object
}

/**
 * Makes a policy and settings from files of oauth2-proxy. An option in a later file replaces the same option of an
 * earlier file. Each option gets a note. The policy admits no request that oauth2-proxy would refuse: a condition that
 * a policy cannot express becomes a stricter condition.
 *
 * @param issuer  issuer that users log in at; default: the issuer of the provider in the files
 * @throws {ConfigError} when a file contains no options
 * @throws {CliError} when client id, issuer, e-mail domains or upstreams are missing
 */
export function importOAuth2Proxy(files: readonly ProxyFile[], issuer: string | undefined): ImportedProxy {
  const notes: ImportNote[] = []
  const options = new Map<string, ProxyOption>()
  for (const file of files) {
    const ofFile: ImportNotes[] = []
    const read = readProxyOptions(file, (locate) => {
      ofFile.push(new ImportNotes(locate))
      return ofFile[0]!
    })
    for (const [key, option] of grouped(read)) options.set(key, option)
    for (const { list } of ofFile) notes.push(...list)
  }
  const draft = new ProxyDraft(options)
  for (const option of options.values()) {
    const rule = Object.hasOwn(proxyOptions, option.key) ? proxyOptions[option.key] : undefined
    const [outcome, message] = rule?.(option, draft) ?? ['no equivalent', 'is no option of oauth2-proxy 7.15']
    notes.push({ outcome, subject: option.subject ?? option.key, message, ...option.place })
  }
  const { policy, settings } = built(draft, issuer)
  return { policy, settings, notes: notes.toSorted(byPlace) }
}

/** Joins the values of an oauth2-proxy option that occurs several times, such as the upstreams of an alpha config. */
function grouped(options: readonly ProxyOption[]): Map<string, ProxyOption> {
  const joined = new Map<string, ProxyOption>()
  for (const option of options) {
    const key = option.key.replaceAll('-', '_')
    const before = joined.get(key)
    joined.set(key, { ...(before ?? option), key, values: [...(before?.values ?? []), ...option.values] })
  }
  return joined
}

function byPlace(a: ImportNote, b: ImportNote): number {
  return a.file === b.file ? (a.line ?? 0) - (b.line ?? 0) : 0
}

function built(draft: ProxyDraft, stated: string | undefined): { policy: object; settings: object } {
  const clientId = draft.option('client_id')
  if (clientId === undefined) throw missing('client_id', 'name the file that states it too')
  if (draft.emails === undefined) {
    throw missing(
      'email_domains or authenticated_emails_file',
      'name the file that states it too; "*" admits every user',
    )
  }
  if (draft.upstreams.length === 0) {
    if (draft.option('upstreams') !== undefined)
      throw missing('an http or https upstream', 'the gate calls no other upstreams')
    addUpstreams(['static://202'], draft)
  }
  const issuer = proxyIssuer(draft, stated)
  // Remove the client secret from the policy if there is a private key: a client authenticates by only one method, and
  // oauth2-proxy prefers the key.
  if (draft.login['private_key'] !== undefined) delete draft.login['client_secret']
  const audience = [firstValue(clientId), ...draft.audiences]
  const main = {
    issuer,
    audience,
    ...draft.issuer,
    login: { scopes: standardScopes(draft), ...offlineAccess(issuer), ...draft.login },
  }
  const others = draft.otherIssuers.map((other, i) => [
    `issuer-${i + 2}`,
    { issuer: other.issuer, audience: [other.audience] },
  ])
  const issuers = { main, ...Object.fromEntries(others) }
  if (others.length > 0) draft.service['issuers'] = Object.keys(issuers)
  const fields = userFields(draft)
  if (fields !== undefined) draft.service['auth_request_headers'] = fields
  const services = proxyServices(draft, protection(draft, [issuer, ...draft.otherIssuers.map((other) => other.issuer)]))
  return { policy: { version: 1, issuers, services }, settings: settingsOf(draft) }
}

/** Options of oauth2-proxy that require groups of the user. Most issuers send groups only for the scope `groups`. */
const groupOptions = [
  'allowed_groups',
  'github_org',
  'github_team',
  'github_repo',
  'bitbucket_team',
  'bitbucket_repository',
]

/**
 * Scopes for a configuration without the option `scope`: the scopes that oauth2-proxy requests by default, and `groups`
 * if an option requires groups.
 */
function standardScopes(draft: ProxyDraft): string[] {
  const groups = groupOptions.some((key) => draft.option(key) !== undefined) ? ['groups'] : []
  return ['openid', 'email', 'profile', ...groups]
}

/** Parameters by which oauth2-proxy gets a refresh token from Google at each login. */
function offlineAccess(issuer: string): object {
  return issuer === googleIssuer ? { prompt: 'consent', parameters: { access_type: 'offline' } } : {}
}

function protection(draft: ProxyDraft, issuers: readonly string[]): Record<string, unknown> {
  const session = { session: 'main' }
  const subject = draft.acceptsTokens ? { any: [session, claimIsOneOf('iss', issuers)] } : session
  const addresses = draft.emails === 'all' ? [] : (draft.emails ?? [])
  const emails = addresses.length === 0 ? [] : [anyOf(addresses)]
  // Leave out the `not` for unverified addresses: a requirement on `email` demands a verified address already, and its
  // reason in the log is more exact.
  const demandsVerified = addresses.length > 0 && addresses.every((each) => 'email' in each)
  const verified =
    demandsVerified || isOn(draft.option('insecure_oidc_allow_unverified_email'))
      ? []
      : [{ not: { claims: { email_verified: { any: [false] } } } }]
  const groups = draft.groups.length === 0 ? [] : [anyOf(draft.groups)]
  const all = [subject, ...verified, ...emails, ...groups, ...draft.conditions]
  return all.length === 1 ? all[0]! : { all }
}

function anyOf(requirements: readonly Record<string, unknown>[]): Record<string, unknown> {
  return requirements.length === 1 ? requirements[0]! : { any: requirements }
}

function settingsOf(draft: ProxyDraft): object {
  const key = (file: string) => [{ id: 'k1', secret: { file } }]
  return {
    policy: { path: 'policy.yaml' },
    keys: { assertion: key('assertion.jwk'), encryption: key('encryption-key') },
    redis: importedRedis(draft),
    ...draft.settings,
  }
}

function missing(what: string, hint: string): CliError {
  return new CliError(exitCodes.usage, 'GH_USAGE', `the files do not state ${what}`, hint)
}
