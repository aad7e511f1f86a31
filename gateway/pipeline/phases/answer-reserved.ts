import { denial } from '../../base/denial.ts'
import { forwardedMethods } from '../../base/methods.ts'
import { loginReplyReasons } from '../../login/login-reply.ts'
import { resourceMetadata, resourceMetadataPath } from '../../oauth/resource-metadata.ts'
import { reservedPrefixOf } from '../../policy/reserved-paths.ts'
import type { Route, Snapshot } from '../../policy/snapshot.ts'
import { answerBrowser, browserReasons } from '../browser/answer-browser.ts'
import { type Answer, fileAnswer, jsonAnswer } from '../exchange/answer.ts'
import type { Resolved } from '../exchange/exchange.ts'
import { waitingPhase } from '../exchange/phase.ts'

const keysPath = '/.well-known/gatehouse/jwks.json'
const unknown = denial('route-unknown')
const onlyGet = denial('method-not-mapped', { fields: [['allow', 'GET, HEAD']] })
/** Reply to `OPTIONS *`, which asks about the server as a whole and reaches no service. */
const capabilities: Answer<'answered'> = {
  answer: true,
  reason: 'answered',
  status: 200,
  fields: [['allow', forwardedMethods.join(', ')]],
  body: '',
}
const shortLived = [['cache-control', 'public, max-age=300']] as const
/**
 * Allow every origin to read the metadata: it is public, and OAuth clients in web pages of other origins need it, such
 * as MCP clients.
 */
const metadataFields = [...shortLived, ['access-control-allow-origin', '*']] as const

/**
 * Answers requests for the gate's own paths: the keys that verify its assertions, protected resource metadata (RFC 9728
 * §3, plain and with a path suffix), the login pages, the files of the pages (`pages.logo`, `pages.css`), and
 * `OPTIONS *`. A login may wait for Redis and the issuer. Denies 404 for every other path under a reserved prefix.
 */
export const answerReserved = waitingPhase<Resolved, Resolved>()({
  name: 'answer-reserved',
  waits: 'for Redis and the issuer, around a login',
  denies: ['route-unknown', ...browserReasons],
  answers: loginReplyReasons,
  throws: ['store-unavailable', 'issuer-unreachable', 'refresh-unavailable'],
  run(x) {
    const { path } = x
    if (path === '*') return capabilities
    if (reservedPrefixOf(path) === undefined) return undefined
    const browser = answerBrowser(x)
    if (browser !== undefined) return browser
    const answer = reservedAnswer(x)
    if (answer === undefined) return unknown
    return x.head.method === 'GET' || x.head.method === 'HEAD' ? answer : onlyGet
  },
})

function reservedAnswer(x: Resolved): Answer<'answered'> | undefined {
  const file = x.gate.pages?.fileAt(x.path)
  if (file !== undefined) return fileAnswer(file)
  if (x.path === keysPath) return jsonAnswer(x.gate.signer?.jwks ?? '{"keys":[]}', shortLived)
  if (!x.path.startsWith(resourceMetadataPath)) return undefined
  const suffix = x.path.slice(resourceMetadataPath.length)
  const { snapshot } = x.gate.runtime
  const url = x.gate.publicUrls.forHost(x.head.host)
  const certificateBound = x.gate.clientCertificates !== undefined
  return suffix === ''
    ? allRoutesMetadata(snapshot, url, certificateBound)
    : metadataAnswer(url + suffix, snapshot.routesAt(x.host, suffix), certificateBound)
}

/** Maximum number of public URLs whose metadata is cached. With patterns in `public_url`, clients choose the URL. */
const CACHED_URLS_MAX = 256
const metadataBySnapshot = new WeakMap<Snapshot, Map<string, Answer<'answered'> | undefined>>()

/**
 * Protected resource metadata of all routes, cached per policy snapshot. Building the metadata reads every route, and
 * unauthenticated clients can request the metadata without a limit.
 */
function allRoutesMetadata(snapshot: Snapshot, url: string, certificateBound: boolean): Answer<'answered'> | undefined {
  let byUrl = metadataBySnapshot.get(snapshot)
  if (byUrl === undefined) {
    byUrl = new Map()
    metadataBySnapshot.set(snapshot, byUrl)
  }
  if (!byUrl.has(url)) {
    if (byUrl.size >= CACHED_URLS_MAX) byUrl.clear()
    byUrl.set(url, metadataAnswer(url, snapshot.routes, certificateBound))
  }
  return byUrl.get(url)
}

function metadataAnswer(
  resource: string,
  routes: readonly Route[],
  certificateBound: boolean,
): Answer<'answered'> | undefined {
  const demanding = routes.filter((route) => route.requirement !== undefined)
  return demanding.length === 0
    ? undefined
    : jsonAnswer(metadataDocument(resource, demanding, certificateBound), metadataFields)
}

function metadataDocument(resource: string, routes: readonly Route[], certificateBound: boolean): string {
  const issuers = new Set<string>()
  const scopes = new Set<string>()
  for (const route of routes) {
    for (const issuer of route.service.issuers) issuers.add(issuer.issuer)
    for (const scope of route.scopes) scopes.add(scope)
  }
  return JSON.stringify(resourceMetadata({ resource, issuers, scopes, dpop: dpopOf(routes), certificateBound }))
}

function dpopOf(routes: readonly Route[]): 'refused' | 'accepted' | 'required' {
  if (routes.every(({ dpopRequired }) => dpopRequired)) return 'required'
  return routes.every(({ credential }) => credential.type === 'token') ? 'refused' : 'accepted'
}
