import { CookieJar } from './cookie-jar.ts'
import { callHttp, type DemoReply } from './http-call.ts'
import { answerTo } from './walk-login.ts'

const stepsMax = 20

/** A page that a browser has come to. */
export interface Page extends DemoReply {
  readonly url: URL
}

interface Visit {
  readonly method?: 'GET' | 'POST'
  readonly fields?: Readonly<Record<string, string>>
  /** Default true. */
  readonly followed?: boolean
  /** Answers the issuer's pages as this user. Left out: they are where it ends. */
  readonly user?: string
}

/** A browser, as much as the tour needs: cookies, redirects, and a person who answers forms. */
export class TourBrowser {
  /** By port: each of the demo's parts has cookies of its own. */
  readonly #jars = new Map<string, CookieJar>()

  async visit(start: string, { method = 'GET', fields = {}, followed = true, user }: Visit = {}): Promise<Page> {
    let url = new URL(start)
    let form: URLSearchParams | undefined
    for (let steps = 0; steps < stepsMax; steps++) {
      const page = await this.#load(url, form === undefined && steps === 0 ? method : 'GET', form, fields)
      form = undefined
      const location = page.field('location')
      if (!followed) return page
      if (location !== undefined) url = new URL(location, url)
      else if (user !== undefined && page.status === 200 && page.body.includes('<form')) {
        form = answerTo(page.body.toString(), user)
        url = new URL(/<form[^>]*action="([^"]*)"/.exec(page.body.toString())?.[1] ?? '', url)
      } else return page
    }
    throw new Error(`no end of redirects from ${start}`)
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
