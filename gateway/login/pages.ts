import { createHash } from 'node:crypto'
import { type LoginReply, type LoginReplyReason, settingCookies, unkept } from './login-reply.ts'

/** Content of an HTML page of the gate. All text is escaped, also text from the issuer. */
interface PageContent {
  readonly title: string
  /** Texts of the paragraphs of the page. */
  readonly says: readonly string[]
  /** Error texts of the issuer, shown as quotations. */
  readonly quoted?: readonly string[]
  readonly links?: readonly PageLink[]
  /** Label of a button that sends a POST request to the URL of the page. */
  readonly button?: string
}

export interface PageLink {
  readonly href: string
  readonly text: string
}

interface PageOptions extends PageContent {
  readonly reason: LoginReplyReason
  readonly status: number
  readonly cookies?: readonly string[]
  /**
   * Origins, besides the gate's own, to which the button may redirect the browser. Browsers apply `form-action` to
   * redirects too.
   */
  readonly leadsTo?: readonly string[]
}

const QUOTED_MAX = 500

const style = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:28rem;margin:16vh auto 0;padding:0 1rem}
h1{font-size:1.4rem}
a,button{display:block;width:100%;box-sizing:border-box;margin:.75rem 0;padding:.7rem 1rem;font:inherit;text-align:left;
color:#fff;background:#24527a;border:0;border-radius:.4rem;text-decoration:none;cursor:pointer}
a:hover,a:focus-visible,button:hover,button:focus-visible{background:#1a3d5c}
q{display:block;overflow-wrap:anywhere;opacity:.8}`

const styleHash = createHash('sha256').update(style).digest('base64')

/**
 * An HTML page of the gate. The page loads nothing, runs no script, and cannot be framed (RFC 9700 §4.16). All text is
 * escaped.
 */
export function page({ reason, status, cookies = [], leadsTo = [], ...content }: PageOptions): LoginReply {
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    `form-action ${["'self'", ...leadsTo].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ]
  return {
    reason,
    status,
    fields: [
      ...unkept,
      ['content-type', 'text/html; charset=utf-8'],
      ['content-security-policy', policy.join('; ')],
      ['x-content-type-options', 'nosniff'],
      ['x-frame-options', 'DENY'],
      ...settingCookies(cookies),
    ],
    body: html(content),
  }
}

function html({ title, says, quoted = [], links = [], button }: PageContent): string {
  const lines = [
    `<h1>${escaped(title)}</h1>`,
    ...says.map((text) => `<p>${escaped(text)}</p>`),
    ...quoted.map((text) => `<p><q>${escaped(printable(text))}</q></p>`),
    ...links.map(({ href, text }) => `<a href="${escaped(href)}">${escaped(text)}</a>`),
    ...(button === undefined ? [] : [`<form method="post"><button>${escaped(button)}</button></form>`]),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
${lines.join('\n')}
</body>
</html>
`
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Truncates the text to 500 characters, and replaces control characters and direction overrides with spaces. */
function printable(text: string): string {
  return text.slice(0, QUOTED_MAX).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
}
