import { createHash } from 'node:crypto'
import { type LoginReply, type LoginReplyReason, settingCookies, unkept } from './login-reply.ts'

/** Content of a page. Text from the issuer is always escaped. */
interface PageContent {
  readonly title: string
  /** One paragraph each. */
  readonly says: readonly string[]
  /** Error text of the issuer, shown as a quotation. */
  readonly quoted?: readonly string[]
  readonly links?: readonly PageLink[]
  /** Label of a button that posts to the same URL. */
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
  /** Origins, beside our own, to which the button may lead in the end: browsers follow the redirects with that rule. */
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
 * A page of the gate's own. Nothing on it is loaded or run, and it cannot be framed (RFC 9700 §4.16); whatever did not
 * come from us is escaped.
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

/** Cuts the text, and replaces control characters and direction overrides by spaces. */
function printable(text: string): string {
  return text.slice(0, QUOTED_MAX).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
}
