import { CookieJar } from './cookie-jar.ts'

/** Maximum number of pages and redirects in a login. A login that needs more is treated as an endless loop. */
const maxSteps = 12

/**
 * Follows the issuer's login pages and redirects, and submits the forms as a user who logs in and consents.
 *
 * @returns the redirect URI with the code or the error in its query
 * @throws {Error} with the text of the page when the login does not continue
 */
export async function walkLogin(start: URL, redirectUri: string, user: string, signal: AbortSignal): Promise<URL> {
  const cookies = new CookieJar()
  let form: URLSearchParams | undefined
  for (let url = start, steps = 0; steps < maxSteps; steps++) {
    const response = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      body: form ?? null,
      headers: { Cookie: cookies.fieldFor(url.pathname) },
      redirect: 'manual',
      signal,
    })
    cookies.store(response.headers.getSetCookie())
    const location = response.headers.get('location')
    if (location === null) {
      form = answerTo(await response.text(), user)
      continue
    }
    await response.body?.cancel()
    url = new URL(location, url)
    form = undefined
    if (url.href.startsWith(`${redirectUri}?`)) return url
  }
  throw new Error(`the login at the issuer did not end after ${maxSteps} pages and redirects`)
}

/** Returns the form values that the user submits on a login page of the issuer. */
export function answerTo(page: string, user: string): URLSearchParams {
  const problem = /<p class="problem"[^>]*>([^<]*)</.exec(page)?.[1]
  if (problem !== undefined) throw new Error(plain(problem))
  if (page.includes('name="user"')) return new URLSearchParams({ user })
  if (page.includes('name="allow"')) return new URLSearchParams({ allow: '1' })
  const secret = /name="xsrf" value="([^"]*)"/.exec(page)?.[1]
  if (secret !== undefined) return new URLSearchParams({ xsrf: secret, logout: 'yes' })
  const text = /<body>([\s\S]*)<\/body>/.exec(page)?.[1] ?? page
  throw new Error(
    plain(text.replaceAll(/<[^>]*>/g, ' '))
      .replaceAll(/\s+/g, ' ')
      .trim(),
  )
}

/** Decodes the numeric character references in a text; oidc-provider writes no others. */
function plain(html: string): string {
  return html.replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
}
