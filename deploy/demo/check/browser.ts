import { CookieJar } from '../cookie-jar.ts'
import { callHttp, type DemoReply } from '../http-call.ts'
import { answerTo } from '../walk-login.ts'

const stepsMax = 20

export interface Page extends DemoReply {
  readonly url: URL
}

interface OpenOptions {
  readonly method?: 'GET' | 'POST'
  readonly fields?: Readonly<Record<string, string>>
  /** Whether the browser follows redirects; default: true. */
  readonly follow?: boolean
  /**
   * User name with which the browser submits the issuer's forms. Without a user name, the page with the form is
   * returned.
   */
  readonly user?: string
}

/** Minimal browser for the demo check: supports cookies, redirects and the forms of the demo issuer. */
export class CheckBrowser {
  /** Cookies by port, so that each process of the demo has its own cookies, as each site has in a real deployment. */
  readonly #jars = new Map<string, CookieJar>()

  async open(start: string, { method = 'GET', fields = {}, follow = true, user }: OpenOptions = {}): Promise<Page> {
    let url = new URL(start)
    let form: URLSearchParams | undefined
    for (let steps = 0; steps < stepsMax; steps++) {
      const page = await this.#load(url, form === undefined && steps === 0 ? method : 'GET', form, fields)
      form = undefined
      const location = page.field('location')
      if (!follow) return page
      if (location !== undefined) url = new URL(location, url)
      else if (user !== undefined && page.status === 200 && page.body.includes('<form')) {
        form = answerTo(page.body.toString(), user)
        url = new URL(/<form[^>]*action="([^"]*)"/.exec(page.body.toString())?.[1] ?? '', url)
      } else return page
    }
    throw new Error(`more than ${stepsMax} redirects from ${start}`)
  }

  async #load(
    url: URL,
    method: string,
    form: URLSearchParams | undefined,
    fields: Readonly<Record<string, string>>,
  ): Promise<Page> {
    const cookies = this.#jars.get(url.port) ?? new CookieJar()
    this.#jars.set(url.port, cookies)
    const cookie = cookies.fieldFor(url.pathname)
    const reply = await callHttp({
      method: form === undefined ? method : 'POST',
      port: Number(url.port),
      target: url.pathname + url.search,
      fields: {
        Host: url.host,
        Accept: 'text/html',
        'Sec-Fetch-Mode': 'navigate',
        ...(cookie !== '' && { Cookie: cookie }),
        ...(form && { 'Content-Type': 'application/x-www-form-urlencoded' }),
        ...fields,
      },
      ...(form && { body: Buffer.from(form.toString()) }),
    })
    cookies.store(reply.all('set-cookie'))
    return { ...reply, url }
  }
}
