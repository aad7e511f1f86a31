import { CookieJar } from '../cookie-jar.ts'
import { callHttp, type DemoReply } from '../http-call.ts'
import { answerTo } from '../walk-login.ts'

const stepsMax = 20

interface Page extends DemoReply {
  readonly url: URL
}

/** Minimal browser of the user alice: supports cookies and redirects, and submits the forms of the demo issuer. */
export class CheckBrowser {
  /** Cookies by port, so that each process of the demo has its own cookies, as each site has in a real deployment. */
  readonly #jars = new Map<string, CookieJar>()

  /** Opens a page, and continues until a page is neither a redirect nor a form. @throws {Error} after 20 pages */
  async open(start: string, fields: Readonly<Record<string, string>> = {}): Promise<Page> {
    let url = new URL(start)
    let form: URLSearchParams | undefined
    for (let steps = 0; steps < stepsMax; steps++) {
      const page = await this.#load(url, form, fields)
      const [location, text] = [page.field('location'), page.body.toString()]
      form =
        location === undefined && page.status === 200 && text.includes('<form') ? answerTo(text, 'alice') : undefined
      if (location === undefined && form === undefined) return page
      url = new URL(location ?? /<form[^>]*action="([^"]*)"/.exec(text)?.[1] ?? '', url)
    }
    throw new Error(`more than ${stepsMax} pages from ${start}`)
  }

  async #load(url: URL, form: URLSearchParams | undefined, more: Readonly<Record<string, string>>): Promise<Page> {
    const cookies = this.#jars.get(url.port) ?? new CookieJar()
    this.#jars.set(url.port, cookies)
    const cookie = cookies.fieldFor(url.pathname)
    const fields = {
      Host: url.host,
      Accept: 'text/html',
      'Sec-Fetch-Mode': 'navigate',
      ...(cookie !== '' && { Cookie: cookie }),
      ...(form && { 'Content-Type': 'application/x-www-form-urlencoded' }),
      ...more,
    }
    const body = form === undefined ? {} : { body: Buffer.from(form.toString()) }
    const method = form === undefined ? 'GET' : 'POST'
    const reply = await callHttp({ method, port: Number(url.port), target: url.pathname + url.search, fields, ...body })
    cookies.store(reply.all('set-cookie'))
    return { ...reply, url }
  }
}
