import { createHash } from 'node:crypto'
import type { HeaderField } from '../base/denial.ts'
import type { PageFile } from '../config/page-files.ts'
import type { PagesSettings } from '../config/pages-settings.ts'
import { escaped, visible } from './html-text.ts'
import type { PageContent } from './page-content.ts'
import { pageStyle, pageStyleSource } from './page-style.ts'

/** A page as HTTP: the header fields that every page has, and the document. */
export interface RenderedPage {
  readonly fields: readonly HeaderField[]
  readonly body: string
}

/** Maximum length of a quotation from the issuer, UTF-16 code units. */
const QUOTED_MAX = 500

const logoPath = '/.gatehouse/pages/logo'
const cssPath = '/.gatehouse/pages/css'

/** Parts of an HTML page that are the same for every request, because they depend on the settings only. */
interface Template {
  /** HTML of a page up to the text of `<title>`. */
  readonly start: string
  /** HTML of a page from the suffix of `<title>` to the content of `<main>`. */
  readonly head: string
  /** Document after the content of `<main>`, up to the request id. */
  readonly foot: string
  /** Content security policy up to the further sources of `form-action`. */
  readonly policy: string
  readonly files: ReadonlyMap<string, PageFile>
}

const END = `</code></p>
</footer>
</body>
</html>
`

/**
 * Renders the HTML pages of the gate in one style. A page runs no script, loads nothing but `pages.logo` and `pages.css`
 * from the gate itself, and cannot be framed (RFC 9700 §4.16). The template is built once for each version of the
 * settings.
 */
export class Pages {
  #template: Template

  constructor(settings: PagesSettings) {
    this.#template = templateOf(settings)
  }

  /** Uses changed settings `pages` (reload) from the next page on. */
  replace(settings: PagesSettings): void {
    this.#template = templateOf(settings)
  }

  render(content: PageContent, requestId: string): RenderedPage {
    const { start, head, foot, policy } = this.#template
    const title = escaped(content.title)
    const sources = content.leadsTo === undefined ? '' : content.leadsTo.map((origin) => ` ${origin}`).join('')
    return {
      fields: [
        ['content-type', 'text/html; charset=utf-8'],
        ['content-security-policy', policy + sources],
        ['x-content-type-options', 'nosniff'],
        ['x-frame-options', 'DENY'],
      ],
      body: `${start}${title}${head}<h1>${title}</h1>\n${mainOf(content)}${foot}${escaped(requestId)}${END}`,
    }
  }

  /**
   * Returns the logo or style sheet of the settings `pages` that the gate serves at this path; `undefined` for any
   * other path.
   */
  fileAt(path: string): PageFile | undefined {
    return this.#template.files.get(path)
  }
}

function mainOf({ says, quoted = [], links = [], button }: PageContent): string {
  return [
    ...says.map((text) => `<p>${escaped(text)}</p>\n`),
    ...quoted.map((text) => `<p><q>${escaped(visible(text, QUOTED_MAX))}</q></p>\n`),
    ...links.map(({ href, text }) => `<a href="${escaped(href)}">${escaped(text)}</a>\n`),
    ...(button === undefined ? [] : [`<form method="post"><button>${escaped(button)}</button></form>\n`]),
  ].join('')
}

function templateOf({ product, support, logo, css }: PagesSettings): Template {
  const name = product === undefined ? '' : escaped(product)
  const image = logo && `<img src="${versioned(logoPath, logo)}" alt="${name === '' ? 'Logo' : ''}">`
  const header = image === undefined && name === '' ? '' : `<header>${image ?? ''}<span>${name}</span></header>\n`
  const sheet = css === undefined ? '' : `<link rel="stylesheet" href="${versioned(cssPath, css)}">\n`
  const policy = [
    "default-src 'none'",
    `style-src ${pageStyleSource}${css === undefined ? '' : " 'self'"}`,
    ...(logo === undefined ? [] : ["img-src 'self'"]),
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
  ]
  const files = [logo && ([logoPath, logo] as const), css && ([cssPath, css] as const)]
  return {
    start: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>`,
    head: `${name === '' ? '' : ` · ${name}`}</title>
<style>${pageStyle}</style>
${sheet}</head>
<body>
${header}<main>
`,
    foot: `</main>
<footer>
${support === undefined ? '' : `<p>Help: ${supportOf(support)}</p>\n`}<p>Request id: <code>`,
    policy: policy.join('; '),
    files: new Map(files.filter((file) => file !== undefined)),
  }
}

function supportOf({ text, href }: NonNullable<PagesSettings['support']>): string {
  return href === undefined ? escaped(text) : `<a href="${escaped(href)}">${escaped(text)}</a>`
}

/** URL of a file with a hash of its content, so that a browser does not show the former file after a change. */
function versioned(path: string, { content }: PageFile): string {
  return `${path}?v=${createHash('sha256').update(content).digest('hex').slice(0, 16)}`
}
