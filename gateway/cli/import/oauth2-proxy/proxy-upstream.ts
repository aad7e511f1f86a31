import { mappingOf, nameFrom, textOf } from '../plain-value.ts'
import type { OptionTold } from './option-rule.ts'
import type { DraftUpstream, ProxyDraft } from './proxy-draft.ts'

/**
 * Placeholder for the upstream when another proxy forwards the requests: the gate then only decides, and calls no
 * upstream.
 */
const placeholder = 'http://upstream.invalid'

/**
 * Returns name and upstream of the service to which a request for a host goes. Behind another proxy each host is a
 * separate service, which log lines and the `aud` of assertions name.
 */
export function hostService({ origin }: DraftUpstream, host: string | undefined): { name: string; origin: string } {
  if (origin !== placeholder || host === undefined) return { name: nameFrom(new URL(origin).host, 'service'), origin }
  const name = nameFrom(host, 'service')
  return { name, origin: `http://${name}.invalid` }
}

const staticTold: OptionTold = [
  'decide',
  'a static reply is for forward authentication: upstreams below .invalid are placeholders. check.peers of the settings is 127.0.0.1: list the proxies that ask (docs/guide/forward-auth.md)',
]

/**
 * Adds the upstreams of the oauth2-proxy option `upstreams` to the draft. The path of such a URL selects the requests
 * for the upstream, and is not removed from them.
 */
export function addUpstreams(values: readonly string[], draft: ProxyDraft): OptionTold {
  const faults = values.map((text) => {
    if (text.startsWith('static://')) return addStatic(draft)
    if (!URL.canParse(text)) return unusable(text)
    const { protocol, origin, pathname } = new URL(text)
    if (protocol !== 'http:' && protocol !== 'https:') return unusable(text)
    draft.upstreams.push({ origin, path: pathname })
    return undefined
  })
  return faults.find((told) => told !== undefined) ?? ['mapped', 'services and their routes']
}

/**
 * Adds one upstream of an alpha config of oauth2-proxy to the draft.
 *
 * @param json  the upstream as JSON text
 */
export function addAlphaUpstream(json: string, draft: ProxyDraft): OptionTold {
  const upstream = mappingOf(JSON.parse(json)) ?? {}
  const uri = textOf(upstream['uri']) ?? ''
  if (upstream['static'] === true) return addStatic(draft)
  if (!/^https?:\/\//.test(uri) || !URL.canParse(uri)) return unusable(uri)
  const { origin } = new URL(uri)
  const path = textOf(upstream['path']) ?? '/'
  const target = textOf(upstream['rewriteTarget'])
  if (target === undefined) {
    draft.upstreams.push({ origin, path })
    return ['mapped', 'a service and its route']
  }
  const rewritten = rewriteOf(path, target)
  if (rewritten === undefined)
    return ['no equivalent', 'add a route with `rewrite` for this upstream: the gate replaces whole prefixes only']
  draft.upstreams.push({ origin, ...rewritten })
  return ['mapped', 'a service and its route with rewrite']
}

/**
 * Converts a rewrite of oauth2-proxy that replaces a path prefix, such as `^/baz/(.*)$` with the target `/foo/$1`.
 * Returns `undefined` for any other rewrite.
 */
function rewriteOf(path: string, target: string): Omit<DraftUpstream, 'origin'> | undefined {
  const [, from] = /^\^?((?:\/[\w~-]+)*)\/\(\.\*\)\$?$/.exec(path) ?? []
  const [, to] = /^((?:\/[\w~-]+)*)\/\$\{?1\}?$/.exec(target) ?? []
  if (from === undefined || to === undefined) return undefined
  const rewrite = { ...(from !== '' && { strip_prefix: from }), ...(to !== '' && { add_prefix: to }) }
  return { path: `${from}/`, ...(Object.keys(rewrite).length > 0 && { rewrite }) }
}

function addStatic(draft: ProxyDraft): OptionTold {
  draft.upstreams.push({ origin: placeholder, path: '/' })
  draft.settings['check'] = { peers: ['127.0.0.1'] }
  draft.asksOnly = true
  return staticTold
}

function unusable(text: string): OptionTold {
  const scheme = /^[a-z]+:/.exec(text)?.[0] ?? 'this'
  return [
    'no equivalent',
    `the gate calls http and https upstreams only: put a web server before the ${scheme} upstream`,
  ]
}
