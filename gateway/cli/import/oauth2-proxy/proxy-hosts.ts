import { isIP } from 'node:net'
import type { OptionTold } from './option-rule.ts'
import type { ProxyDraft } from './proxy-draft.ts'
import { firstValue, type ProxyOption } from './proxy-option.ts'
import { secureUrl } from './secure-url.ts'

/** Hosts that share one login: `login.host` and `login.return_to` of the policy. */
interface SharedHosts {
  readonly host: string
  readonly returnTo: readonly string[]
  /** Origins for `public_url`; the first is the origin of `host`. */
  readonly origins: readonly string[]
}

const toDo =
  'set login.host to the host of the redirect URI and login.return_to to the other hosts (docs/guide/shared-login.md)'

/**
 * Imports the oauth2-proxy option `cookie_domains`. A cookie that several hosts share becomes a login that these hosts
 * share.
 */
export function readCookieDomains({ values }: ProxyOption, draft: ProxyDraft): OptionTold {
  const host = redirectHost(draft)
  if (host !== undefined && values.every((domain) => nameOf(domain) === host))
    return ['not needed', 'a cookie is always for one host']
  if (sharedHosts(draft) !== undefined)
    return ['mapped', 'issuers.main.login.host: the issuer knows only the redirect URI of this host']
  return ['no equivalent', `each host has its own cookie and its own login; for one login at all hosts, ${toDo}`]
}

/**
 * Imports the oauth2-proxy option `whitelist_domains`: hosts with the shared cookie to which a browser may return after
 * its login.
 */
export function readReturnDomains(_: ProxyOption, draft: ProxyDraft): OptionTold {
  const shared = sharedHosts(draft)
  if (shared === undefined)
    return [
      'no equivalent',
      `after a login the browser returns to the host at which it began; for other hosts, ${toDo}`,
    ]
  draft.login['host'] = shared.host
  draft.login['return_to'] = shared.returnTo
  draft.settings['public_url'] = shared.origins
  const covered = shared.returnTo.some((pattern) => pattern === `*${shared.host.slice(shared.host.indexOf('.'))}`)
  draft.hosts.push(...(covered ? [] : [shared.host]), ...shared.returnTo)
  if (!shared.returnTo.some((pattern) => pattern.startsWith('*')))
    return ['mapped', 'issuers.main.login.return_to, match.host of the routes, settings: public_url']
  return [
    'decide',
    `login.return_to, match.host and public_url have ${shared.returnTo.join(', ')}: * is one label, so list hosts with more labels; name hosts one by one if others can create hosts below the domain`,
  ]
}

/**
 * Returns the hosts that share one login with oauth2-proxy. A domain in `cookie_domains` must contain the host of the
 * redirect URI and each host in `whitelist_domains`; otherwise, or when one of the options is missing, returns
 * `undefined`.
 */
function sharedHosts(draft: ProxyDraft): SharedHosts | undefined {
  const host = redirectHost(draft)
  const returning = draft.option('whitelist_domains')?.values ?? []
  if (host === undefined || returning.length === 0) return undefined
  const domains = (draft.option('cookie_domains')?.values ?? []).map(nameOf)
  const domain = domains.find((each) => isBelow(host, each))
  if (domain === undefined || returning.some((each) => patternOf(each) === undefined)) return undefined
  const patterns = returning.map((each) => patternOf(each)!)
  const others = patterns.filter(({ pattern }) => pattern !== host)
  if (others.length === 0 || !others.every(({ pattern }) => isBelow(pattern.replace('*.', ''), domain)))
    return undefined
  const { protocol, origin } = new URL(secureUrl(firstValue(draft.option('redirect_url')!))!)
  const origins = others.map(({ pattern, port }) => secureUrl(`${protocol}//${pattern}${port}`) ?? '')
  return {
    host,
    returnTo: [...new Set(others.map(({ pattern }) => pattern))],
    origins: [...new Set([origin, ...origins])],
  }
}

/**
 * Returns the host of the oauth2-proxy option `redirect_url`; `undefined` when its value is no complete URL, or has an
 * IP address as host.
 */
function redirectHost(draft: ProxyDraft): string | undefined {
  const option = draft.option('redirect_url')
  const url = option === undefined ? undefined : secureUrl(firstValue(option))
  const host = url === undefined ? '' : new URL(url).hostname
  return host === '' || host.startsWith('[') || isIP(host) !== 0 ? undefined : host
}

/** Whether a host is the domain itself or a subdomain of it. */
function isBelow(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}

/** Returns the name of a cookie domain without the leading dot and the port that oauth2-proxy accepts. */
function nameOf(domain: string): string {
  return domain.toLowerCase().replace(/^\./, '').replace(/:\d+$/, '')
}

/**
 * Parses an entry of `whitelist_domains`: `example.com`, or `.example.com` and `*.example.com` for its subdomains, with
 * a port if it is not the default port. Returns `undefined` for any port (`:*`), and for all subdomains of a top-level
 * domain.
 */
function patternOf(entry: string): { readonly pattern: string; readonly port: string } | undefined {
  const [, below, name, port = ''] = /^(\*?\.)?((?:[a-z0-9-]+\.)*[a-z0-9-]+)(:\d+)?$/.exec(entry.toLowerCase()) ?? []
  if (name === undefined || isIP(name) !== 0) return undefined
  if (below === undefined) return { pattern: name, port }
  return name.includes('.') ? { pattern: `*.${name}`, port } : undefined
}
