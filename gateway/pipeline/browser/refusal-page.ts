import type { Denial } from '../../base/denial.ts'
import { loginUrl, logoutPaths } from '../../login/login-paths.ts'
import { visible } from '../../pages/html-text.ts'
import type { PageLink } from '../../pages/page-content.ts'
import type { RenderedPage } from '../../pages/pages.ts'
import { refusalText } from '../../pages/refusal-texts.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { reachesBrowser } from '../forward-auth/check-style.ts'
import { isNavigation } from './navigation.ts'

/** Maximum length of a name or e-mail address on a page, UTF-16 code units. */
const NAME_MAX = 100

/**
 * Returns the HTML page for a refusal, for a browser that opens a page. Returns `undefined` for every other client,
 * which gets the problem document: also for a client that sent `Authorization`, and for a proxy that does not pass the
 * reply on. The page uses what the exchange already knows, and looks up nothing.
 */
export function refusalPage(x: Exchange, refusal: Denial): RenderedPage | undefined {
  const { pages } = x.gate
  // Search the header fields last, because most refusals are for programs that sent a token.
  if (pages === undefined || x.head.authorization !== undefined || x.head.grpc) return undefined
  if (!isNavigation(x.head) || !reachesBrowser(x)) return undefined
  const { title, why, remedy } = refusalText(refusal.status, refusal.code)
  const says = [why, userText(x), refusal.detail && sentenceOf(refusal.detail), `${remedy}${waitText(refusal)}`]
  return pages.render({ title, says: says.filter((each) => each !== undefined), links: linksOf(x, refusal) }, x.id)
}

/**
 * Returns the text of a page about the user of the session, for the exchange's own user. States only claims that pages
 * of the site may read (`login.session_claims`), because a script of the same origin can open this page and read it.
 */
function userText({ session, facts, gate, runtime }: Exchange): string | undefined {
  if (session === undefined) return undefined
  const shown = (runtime ?? gate.runtime).snapshot.issuers.get(session.issuer)?.login?.sessionClaims ?? []
  const claims = facts?.claims ?? session.claims
  const claim = (name: string): string | undefined => {
    const value = shown.includes(name) && Object.hasOwn(claims, name) ? claims[name] : undefined
    return typeof value === 'string' && value.trim() !== '' ? visible(value, NAME_MAX) : undefined
  }
  const name = claim('name') ?? claim('preferred_username')
  const email = claim('email')
  if (name !== undefined && email !== undefined) return `You are logged in as ${name} (${email}).`
  return `You are logged in as ${name ?? email ?? visible(session.subject, NAME_MAX)}.`
}

function linksOf(x: Exchange, { status, stepUp }: Denial): PageLink[] {
  const { gate, session, route, method } = x
  if (gate.loginService === undefined) return []
  const publicUrl = gate.publicUrls.forHost(x.authority)
  const links: PageLink[] = []
  if (status === 401 && route !== undefined && route.logins.length > 0) {
    const returnTo = x.query === undefined ? x.path : `${x.path}?${x.query}`
    const issuers = route.logins.map(({ name }) => name)
    const href = loginUrl(publicUrl, { ...(method === 'GET' && { returnTo }), issuers, ...stepUp })
    links.push({ href, text: 'Log in' })
  }
  if (session !== undefined) links.push({ href: publicUrl + logoutPaths[0], text: 'Log out' })
  return links
}

/** Makes a sentence of the `detail` of a problem document, which begins in lower case and has no full stop. */
function sentenceOf(detail: string): string {
  return `${detail.charAt(0).toUpperCase()}${detail.slice(1)}.`
}

/**
 * Returns a sentence with the time to wait, from `Retry-After`; `''` without this field, or if `detail` states the
 * time.
 */
function waitText({ detail, fields }: Denial): string {
  if (detail !== undefined) return ''
  const seconds = Number(fields.find(([name]) => name === 'retry-after')?.[1])
  if (!(seconds > 5)) return ''
  const minutes = Math.ceil(seconds / 60)
  return seconds < 120 ? ` The wait is ${seconds} seconds.` : ` The wait is ${minutes} minutes.`
}
