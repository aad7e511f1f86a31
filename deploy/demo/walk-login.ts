import { CookieJar } from './cookie-jar.ts'

/** Pages and redirects from the start of a login to its end; more means that it runs in circles. */
const maxSteps = 12

/**
 * Walks through the issuer's login pages as a browser would, and as the user who answers them: logs in, allows.
 *
 * @returns the address that the issuer sends the browser back to, with the code or the error in its query
 * @throws {Error} with what the page says when it does not go on
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
  throw new Error('the login of the issuer does not come to an end')
}

/** What a person answers to a page of the issuer. */
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

/** The pages escape by character codes only. */
function plain(html: string): string {
  return html.replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
}
